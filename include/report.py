"""The counts of a run: stored, passed from task to task, printed as one line. They hold no personal data.

Every record that is read ends in exactly one outcome; `Report.missing` is the number without one.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from include.live import not_live
from include.outcomes import Cause, Drop, Outcome, PipelineName, Reason
from include.plan import Gap, Mode
from include.task_failure import TaskFailure
from include.values.wording import plural
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
    and the sync added `added` purchases. Connectif has rejected the `unknown` purchases, or the sync holds
    them: whether the tag reported them is not known. `whole`: these runs covered all hours of the day."""

    model_config = ConfigDict(extra="forbid")

    tracked: int = 0
    added: int = 0
    unknown: int = 0
    whole: bool = True

    @property
    def is_known(self) -> bool:
        """Whether Connectif has any purchase of the day, or none was missing."""
        return bool(self.tracked + self.added) or not self.unknown

    @property
    def lost_percent(self) -> float:
        """The share that the tag missed, of the purchases that are known."""
        return 100 * self.added / (self.tracked + self.added) if self.added else 0.0


class PriceChange(BaseModel):
    """The price of a product, as sent last and as sent now."""

    model_config = ConfigDict(extra="forbid")

    product_id: str
    name: str
    before: Decimal
    after: Decimal

    @property
    def percent(self) -> float:
        """`-12.5`: the change in percent of the earlier price."""
        return float(100 * (self.after - self.before) / self.before)


class CatalogueChange(BaseModel):
    """What a run changes in the catalogue that was sent last. `largest` has the ten largest price changes.

    `new` also counts products that the shop shows again, `withdrawn` those that it no longer shows.
    """

    model_config = ConfigDict(extra="forbid")

    new: int = 0
    withdrawn: int = 0
    price_up: int = 0
    price_down: int = 0
    largest: list[PriceChange] = Field(default_factory=list)


class StageCounts(BaseModel):
    """The counts of one stage of a run (extract, transform, load); `+` adds stages up.

    `written` counts writes at the target, which may differ from the records sent: a split order is several
    records and one purchase. `seconds` is by stage name. `tracking` is by day (`2026-11-22`) and is not added
    up: it is the state of the day after the stage, over all runs. `named` counts the contacts to send that
    have a name or a surname. `would_send` holds the first keys that a dry run would send. `catalogue` is None
    for other pipelines, chosen records and the first catalogue.
    """

    model_config = ConfigDict(extra="forbid")

    read: int = 0
    outcomes: Annotated[Counter[Outcome], PlainSerializer(_plain)] = Field(default_factory=Counter)
    reasons: Annotated[Counter[Reason], PlainSerializer(_plain)] = Field(default_factory=Counter)
    drops: Annotated[Counter[Drop], PlainSerializer(_plain)] = Field(default_factory=Counter)
    would_send: list[str] = Field(default_factory=list)
    written: int = 0
    named: int = 0
    calls: dict[Vendor, Calls] = Field(default_factory=dict)
    seconds: dict[str, float] = Field(default_factory=dict)
    tracking: dict[str, Tracking] = Field(default_factory=dict)
    catalogue: CatalogueChange | None = None
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
            would_send=[*self.would_send, *other.would_send],
            written=self.written + other.written,
            named=self.named + other.named,
            calls={
                vendor: self.calls.get(vendor, Calls()) + other.calls.get(vendor, Calls())
                for vendor in sorted({*self.calls, *other.calls})
            },
            seconds=dict(Counter(self.seconds) + Counter(other.seconds)),
            tracking=self.tracking | other.tracking,
            catalogue=other.catalogue or self.catalogue,
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
        return sum(number for cause, number in self.causes.items() if not cause.is_expected)

    def line(self) -> str:
        """`160 compared = 150 same + 10 different (gone 3, too_young 7), 3 to look at; …`"""
        different = f"{self.causes.total():,} different"
        if self.causes.total():
            different += f" ({_listed(self.causes)})"
        if self.missing:
            different += f" + {self.missing:,} unexplained"
        parts = [
            f"{self.at_vtex:,} at VTEX, {self.at_connectif:,} at Connectif",
            f"{self.compared:,} compared = {self.same:,} same + {different}",
            f"{self.to_look_at:,} to look at",
            *([f"{self.repaired:,} repaired"] if self.repaired else []),
            *self.notes,
        ]
        return ", ".join(parts)


class Limits(NamedTuple):
    """The limits of rejected records: a run fails above the share *and* from the minimum on."""

    reject_limit_percent: float
    reject_limit_minimum: int


class Report(BaseModel):
    """The report of one run. `model_dump(mode="json")` writes its JSON, and `model_validate` reads it.

    `live`: the setting run.live of the shop with this `section`. Every run of a shop that is not live is a
    dry run. `failure` is the failure of the first stage that did not finish.
    """

    model_config = ConfigDict(extra="forbid")

    pipeline: PipelineName
    mode: Mode | Literal["events", "compare"]
    window: Window | None = None
    dry_run: bool = False
    live: bool = True
    section: str = ""
    gaps: list[Gap] = Field(default_factory=list)
    counts: StageCounts = Field(default_factory=StageCounts)
    compared: dict[PipelineName, Compared] = Field(default_factory=dict)
    failure: TaskFailure | None = None

    @property
    def missing(self) -> int:
        """The number of records without an outcome (negative: outcomes without a record)."""
        return self.counts.read - self.counts.outcomes.total()

    def summary_line(self, zone: tzinfo = UTC) -> str:
        """One readable line: `contacts, full: 400 read = 380 sent + 20 rejected (email_missing 20); …`.

        Windows are on the clock of `zone`, and name it.
        """
        counts = self.counts
        parts = [
            *(f"{pipeline}: {compared.line()}" for pipeline, compared in self.compared.items()),
            *([] if self.compared and not counts.read else self._read_and_written()),
            *([f"dropped fields: {dropped}"] if (dropped := _listed(counts.drops)) else []),
            *(_calls_at(vendor, calls) for vendor, calls in sorted(counts.calls.items())),
            *(_tracking_loss(day, tracking) for day, tracking in sorted(counts.tracking.items())),
            f"{sum(counts.seconds.values()):.1f} s",
            *(f"not covered: {gap.window.in_zone(zone)}, close it with: {gap.command}" for gap in self.gaps),
            *counts.notes,
            *([f"would be sent, for example: {', '.join(counts.would_send)}"] if counts.would_send else []),
            *([] if self.live else [not_live(self.section)]),
        ]
        return f"{self._title(zone)}: {'; '.join(parts)}"

    def problems(self, limits: Limits) -> list[str]:
        """The reasons why the run must fail although its tasks have finished; empty if it passes."""
        problems = [
            f"the comparison of {pipeline} does not add up ({compared.missing:+d} unexplained)"
            for pipeline, compared in self.compared.items()
            if compared.missing
        ]
        if self.missing:
            problems.append(
                f"the counts do not add up: {self.counts.read:,} read, "
                f"{self.counts.outcomes.total():,} with an outcome ({self.missing:+d} unexplained)"
            )
        if unconfirmed := self.counts.reasons[Reason.TARGET_UNCONFIRMED]:
            problems.append(
                f"{plural(unconfirmed, 'record was', 'records were')} sent to Connectif twice, without being "
                "counted by its imports (target_unconfirmed): the next run repeats this"
            )
        if self.too_many_rejected(limits):
            rejected = self.counts.outcomes[Outcome.REJECTED]
            problems.append(
                f"{rejected:,} of {plural(self.counts.read, 'record')} "
                f"({self._rejected_percent:.1f} %) were rejected; "
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
        return [f"{self.counts.read:,} read = {self._outcomes()}", f"{self.counts.written:,} written"]

    def _title(self, zone: tzinfo) -> str:
        what = f"{self.pipeline}, {self.window.in_zone(zone) if self.window else self.mode}"
        return f"{what}, dry run" if self.dry_run else what

    def _outcomes(self) -> str:
        parts = [self._outcome(outcome) for outcome in Outcome if self.counts.outcomes[outcome]]
        unexplained = [f"{self.missing:,} unexplained"] if self.missing else []
        return " + ".join([*parts, *unexplained]) or "0"

    def _outcome(self, outcome: Outcome) -> str:
        reasons = self._reasons(outcome)
        word = "would be sent" if self.dry_run and outcome is Outcome.SENT else outcome
        return f"{self.counts.outcomes[outcome]:,} {word}" + (f" ({reasons})" if reasons else "")

    def _reasons(self, outcome: Outcome) -> str:
        return _listed(
            Counter({reason: n for reason, n in self.counts.reasons.items() if reason.outcome is outcome})
        )


def _listed(counter: Counter[Reason] | Counter[Drop] | Counter[Cause]) -> str:
    """`email_missing 12, email_masked 3`, the most frequent first."""
    ordered = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{word} {number:,}" for word, number in ordered if number)


def _tracking_loss(day: str, tracking: Tracking) -> str:
    when = day if tracking.whole else f"{day}, in part"
    unknown = f", unknown: {tracking.unknown:,}" if tracking.unknown else ""
    known = f"{plural(tracking.tracked, 'purchase')} by the web tag, {tracking.added:,} added"
    return f"{when}: {known} ({_lost(tracking)}{unknown})"


def _lost(tracking: Tracking) -> str:
    if not tracking.is_known:
        return "loss of the tag not known"
    return f"{tracking.lost_percent:.0f} % lost by the tag"


def _calls_at(vendor: str, calls: Calls) -> str:
    details = [
        *([f"{calls.throttled:,} answered 429"] if calls.throttled else []),
        *([f"{calls.retried:,} repeated"] if calls.retried else []),
    ]
    return f"{plural(calls.made, 'call')} to {vendor}" + (f" ({', '.join(details)})" if details else "")
