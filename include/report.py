"""The counts of a run: stored, passed from task to task, printed as one line. They hold no personal data.

Every record that is read ends in exactly one outcome; `Report.missing` is the number without one.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from include.outcomes import EXPECTED_CAUSES, Cause, Drop, Outcome, PipelineName, Reason
from include.plan import Gap, Mode
from include.task_failure import TaskFailure
from include.window import Window


def _plain(counter: Counter[str]) -> dict[str, int]:
    return {str(word): number for word, number in sorted(counter.items()) if number}


Vendor = Literal["vtex", "connectif"]


class Calls(BaseModel):
    """Calls to one vendor: all calls, those answered with 429, and those that repeated a call."""

    model_config = ConfigDict(extra="forbid")

    made: int = 0
    throttled: int = 0
    retried: int = 0

    def __add__(self, other: Calls) -> Calls:
        return Calls(
            made=self.made + other.made,
            throttled=self.throttled + other.throttled,
            retried=self.retried + other.retried,
        )

    def __sub__(self, other: Calls) -> Calls:
        return Calls(
            made=self.made - other.made,
            throttled=self.throttled - other.throttled,
            retried=self.retried - other.retried,
        )


class Tracking(BaseModel):
    """The tracking loss of one day, over all runs so far: the shop's web tag reported `tracked` purchases,
    and the sync added `added` purchases. `whole`: these runs covered all hours of the day."""

    model_config = ConfigDict(extra="forbid")

    tracked: int = 0
    added: int = 0
    whole: bool = True

    @property
    def lost_percent(self) -> float:
        """The share that the tag missed."""
        return 100 * self.added / (self.tracked + self.added) if self.added else 0.0


class StageCounts(BaseModel):
    """The counts of one stage of a run (extract, transform, load); `+` adds stages up.

    `written` counts writes at the target, which may differ from the records sent: a split order is several
    records and one purchase. `seconds` is by stage name. `tracking` is by day (`2026-11-22`) and is not added
    up: it is the state of the day after the stage, over all runs. `named` counts the contacts to send that
    have a name or a surname.
    """

    model_config = ConfigDict(extra="forbid")

    read: int = 0
    outcomes: Annotated[Counter[Outcome], PlainSerializer(_plain)] = Field(default_factory=Counter)
    reasons: Annotated[Counter[Reason], PlainSerializer(_plain)] = Field(default_factory=Counter)
    drops: Annotated[Counter[Drop], PlainSerializer(_plain)] = Field(default_factory=Counter)
    written: int = 0
    named: int = 0
    calls: dict[Vendor, Calls] = Field(default_factory=dict)
    seconds: dict[str, float] = Field(default_factory=dict)
    tracking: dict[str, Tracking] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)

    def count(self, what: Outcome | Reason, number: int = 1) -> None:
        """Count records with an outcome; a reason also counts its outcome."""
        if isinstance(what, Reason):
            self.reasons[what] += number
            what = what.outcome
        self.outcomes[what] += number

    def __add__(self, other: StageCounts) -> StageCounts:
        return StageCounts(
            read=self.read + other.read,
            outcomes=self.outcomes + other.outcomes,
            reasons=self.reasons + other.reasons,
            drops=self.drops + other.drops,
            written=self.written + other.written,
            named=self.named + other.named,
            calls={
                vendor: self.calls.get(vendor, Calls()) + other.calls.get(vendor, Calls())
                for vendor in sorted({*self.calls, *other.calls})
            },
            seconds=dict(Counter(self.seconds) + Counter(other.seconds)),
            tracking=self.tracking | other.tracking,
            notes=[*self.notes, *other.notes],
        )


class Compared(BaseModel):
    """The result of `reconcile` for one pipeline: a record is equal in both systems, or has one cause.

    `examples` holds some keys per cause (ids of documents, products, purchases; never an address).
    """

    model_config = ConfigDict(extra="forbid")

    at_vtex: int = 0
    at_connectif: int = 0
    compared: int = 0
    same: int = 0
    causes: Annotated[Counter[Cause], PlainSerializer(_plain)] = Field(default_factory=Counter)
    examples: dict[Cause, list[str]] = Field(default_factory=dict)
    repaired: int = 0
    notes: list[str] = Field(default_factory=list)

    @property
    def missing(self) -> int:
        """The number of compared records that are neither equal nor have a cause."""
        return self.compared - self.same - self.causes.total()

    @property
    def to_look_at(self) -> int:
        """The number of differences that need an action."""
        return sum(number for cause, number in self.causes.items() if cause not in EXPECTED_CAUSES)

    def line(self) -> str:
        """`160 compared = 150 same + 10 different (gone 3, too_young 7), 3 to look at; …`"""
        different = f"{self.causes.total()} different"
        if self.causes.total():
            different += f" ({_listed(self.causes)})"
        if self.missing:
            different += f" + {self.missing} unexplained"
        parts = [
            f"{self.at_vtex} at VTEX, {self.at_connectif} at Connectif",
            f"{self.compared} compared = {self.same} same + {different}",
            f"{self.to_look_at} to look at",
            *([f"{self.repaired} repaired"] if self.repaired else []),
            *self.notes,
        ]
        return ", ".join(parts)


class Limits(NamedTuple):
    """The limits of rejected records: a run fails above the share *and* from the minimum on."""

    reject_limit_percent: float
    reject_limit_minimum: int


class Report(BaseModel):
    """The report of one run. `model_dump(mode="json")` writes its JSON, and `model_validate` reads it.

    `failure` is the failure of the first stage that did not finish.
    """

    model_config = ConfigDict(extra="forbid")

    pipeline: PipelineName
    mode: Mode | Literal["events", "compare"]
    window: Window | None = None
    dry_run: bool = False
    gaps: list[Gap] = Field(default_factory=list)
    counts: StageCounts = Field(default_factory=StageCounts)
    compared: dict[PipelineName, Compared] = Field(default_factory=dict)
    failure: TaskFailure | None = None

    @property
    def missing(self) -> int:
        """The number of records without an outcome (negative: outcomes without a record)."""
        return self.counts.read - self.counts.outcomes.total()

    def summary_line(self) -> str:
        """One readable line: `contacts, full: 400 read = 380 sent + 20 rejected (email_missing 20); …`."""
        counts = self.counts
        parts = [
            *(f"{pipeline}: {compared.line()}" for pipeline, compared in self.compared.items()),
            *([] if self.compared and not counts.read else self._read_and_written()),
            *([f"dropped fields: {dropped}"] if (dropped := _listed(counts.drops)) else []),
            *(_calls_at(vendor, calls) for vendor, calls in sorted(counts.calls.items())),
            *(_tracking_loss(day, tracking) for day, tracking in sorted(counts.tracking.items())),
            f"{sum(counts.seconds.values()):.1f} s",
            *(f"not covered: {gap.window}, close it with: {gap.command}" for gap in self.gaps),
            *counts.notes,
        ]
        return f"{self._title()}: {'; '.join(parts)}"

    def problems(self, limits: Limits) -> list[str]:
        """The reasons why the run must fail although its tasks have finished; empty if it passes."""
        problems = [
            f"the comparison of {pipeline} does not add up ({compared.missing:+d} unexplained)"
            for pipeline, compared in self.compared.items()
            if compared.missing
        ]
        if self.missing:
            problems.append(
                f"the counts do not add up: {self.counts.read} read, "
                f"{self.counts.outcomes.total()} with an outcome ({self.missing:+d} unexplained)"
            )
        if unconfirmed := self.counts.reasons[Reason.TARGET_UNCONFIRMED]:
            problems.append(
                f"{unconfirmed} records were sent to Connectif twice, and its imports do not count them "
                "(target_unconfirmed): the next run sends them again"
            )
        if self.too_many_rejected(limits):
            rejected = self.counts.outcomes[Outcome.REJECTED]
            problems.append(
                f"{rejected} of {self.counts.read} records ({self._rejected_percent:.1f} %) were rejected; "
                f"the limit is {limits.reject_limit_percent:g} %: {self._reasons(Outcome.REJECTED)}"
            )
        return problems

    def too_many_rejected(self, limits: Limits) -> bool:
        """Whether the rejected records exceed both limits."""
        return (
            self._rejected_percent > limits.reject_limit_percent
            and self.counts.outcomes[Outcome.REJECTED] >= limits.reject_limit_minimum
        )

    @property
    def _rejected_percent(self) -> float:
        return 100 * self.counts.outcomes[Outcome.REJECTED] / self.counts.read if self.counts.read else 0.0

    def _read_and_written(self) -> list[str]:
        return [f"{self.counts.read} read = {self._outcomes()}", f"{self.counts.written} written"]

    def _title(self) -> str:
        what = f"{self.pipeline}, {self.window or self.mode}"
        return f"{what}, dry run" if self.dry_run else what

    def _outcomes(self) -> str:
        parts = [self._outcome(outcome) for outcome in Outcome if self.counts.outcomes[outcome]]
        unexplained = [f"{self.missing} unexplained"] if self.missing else []
        return " + ".join([*parts, *unexplained]) or "0"

    def _outcome(self, outcome: Outcome) -> str:
        reasons = self._reasons(outcome)
        return f"{self.counts.outcomes[outcome]} {outcome}" + (f" ({reasons})" if reasons else "")

    def _reasons(self, outcome: Outcome) -> str:
        return _listed(
            Counter({reason: n for reason, n in self.counts.reasons.items() if reason.outcome is outcome})
        )


def _listed(counter: Counter[Reason] | Counter[Drop] | Counter[Cause]) -> str:
    """`email_missing 12, email_masked 3`, the most frequent first."""
    ordered = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{word} {number}" for word, number in ordered if number)


def _tracking_loss(day: str, tracking: Tracking) -> str:
    when = day if tracking.whole else f"{day}, in part"
    return (
        f"{when}: {tracking.tracked} purchases by the web tag, {tracking.added} added "
        f"({tracking.lost_percent:.0f} % lost by the tag)"
    )


def _calls_at(vendor: str, calls: Calls) -> str:
    details = [
        *([f"{calls.throttled} answered 429"] if calls.throttled else []),
        *([f"{calls.retried} repeated"] if calls.retried else []),
    ]
    return f"{calls.made} calls to {vendor}" + (f" ({', '.join(details)})" if details else "")
