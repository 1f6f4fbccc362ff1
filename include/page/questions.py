"""The answers to marketing's questions: what the web tag misses, and what changed in the catalogue."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from include.outcomes import Outcome
from include.page.trends import Span, is_regular, tracking_by_day
from include.report import CatalogueChange, Tracking
from include.state import StateStore, StoredReport
from include.state.figures import OriginCount

MOST_ORIGINS = 10
OTHERS, NOT_RECORDED = "others", "not recorded"


@dataclass(frozen=True)
class OriginLoss:
    """The purchases of a payment method or a sales channel.

    `tracked`: reported by the web tag. `added`: missed by the tag and sent by the sync. `unknown`: rejected
    or held, so Connectif has told nothing about them.
    """

    name: str
    tracked: int
    added: int
    unknown: int

    @property
    def lost_percent(self) -> float | None:
        """The share that the tag missed; None without a purchase that is known."""
        known = self.tracked + self.added
        return 100 * self.added / known if known else None


@dataclass(frozen=True)
class TagLoss:
    """What the web tag missed in the last days, by day (the newest first), payment method and channel."""

    by_day: tuple[tuple[date, Tracking], ...]
    by_payment: tuple[OriginLoss, ...]
    by_channel: tuple[OriginLoss, ...]


@dataclass(frozen=True)
class CatalogueAnswer:
    """The changes of the last regular run that compared the catalogue with the one sent before."""

    run: StoredReport
    change: CatalogueChange


def tag_loss(state: StateStore, runs: Sequence[StoredReport], span: Span) -> TagLoss:
    """The tracking loss of the days of the page."""
    days = sorted(tracking_by_day(runs, span).items(), reverse=True)
    figures = state.figures
    return TagLoss(
        tuple(days),
        loss_by_origin(figures.purchases_by("payment_method", span.since)),
        loss_by_origin(figures.purchases_by("sales_channel", span.since)),
    )


def loss_by_origin(counts: Iterable[OriginCount]) -> tuple[OriginLoss, ...]:
    """The most frequent origins, the most frequent first; all further ones together."""
    found = defaultdict[str, Counter[Outcome]](Counter)
    for one in counts:
        found[one.origin or NOT_RECORDED][one.outcome] += one.purchases
    ordered = sorted(found.items(), key=lambda item: (-item[1].total(), item[0]))
    others = sum((outcomes for _, outcomes in ordered[MOST_ORIGINS:]), Counter[Outcome]())
    shown = [*ordered[:MOST_ORIGINS], *([(OTHERS, others)] if others else [])]
    return tuple(_loss(name, outcomes) for name, outcomes in shown)


def _loss(name: str, outcomes: Counter[Outcome]) -> OriginLoss:
    unknown = outcomes[Outcome.HELD] + outcomes[Outcome.REJECTED]
    return OriginLoss(name, outcomes[Outcome.ALREADY_THERE], outcomes[Outcome.SENT], unknown)


def catalogue_answer(runs: Iterable[StoredReport]) -> CatalogueAnswer | None:
    """The answer from these runs, the newest first; None if no run compared the catalogue."""
    for run in runs:
        if is_regular(run) and run.report.counts.catalogue:
            return CatalogueAnswer(run, run.report.counts.catalogue)
    return None
