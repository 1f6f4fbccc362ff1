"""What the demo prints at its end: one block per run, and checks that anybody can repeat by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.outcomes import Outcome
from include.state.reports import StoredReport
from tools.shop_reads import ShopReads


@dataclass(frozen=True)
class Check:
    """One statement about the finished demo, and whether it holds."""

    statement: str
    good: bool


def print_reports(runs: Sequence[tuple[str, StoredReport]]) -> None:
    """Per run what was read, what became of it and why, what it cost."""
    print("\nWhat the runs did")
    for title, stored in runs:
        counts = stored.report.counts
        print(f"\n  {stored.report.pipeline}: {title}")
        outcomes = _words({outcome: counts.outcomes[outcome] for outcome in Outcome})
        print(f"    read {counts.read}: {outcomes or 'nothing'}; written {counts.written}")
        for label, counter in (("why", counts.reasons), ("fields left out", counts.drops)):
            if counter:
                print(f"    {label}: {_words(counter)}")
        calls = [f"{vendor} {used.made}" for vendor, used in sorted(counts.calls.items())]
        print(f"    calls: {', '.join(calls) or 'none'}; {sum(counts.seconds.values()):.1f} s")


def _words(counter: Mapping[Any, int]) -> str:
    return ", ".join(f"{word} {number}" for word, number in counter.items() if number)


def checks_of_reports(run_ids: Sequence[str], runs: Mapping[str, StoredReport]) -> list[Check]:
    """Every run left a report, and in each the outcomes add up to what was read."""
    reports = {run_id: runs[run_id].report for run_id in run_ids if run_id in runs}
    unexplained = sum(abs(report.missing) for report in reports.values())
    return [
        Check(f"{len(reports)} of {len(run_ids)} runs left a report", len(reports) == len(run_ids)),
        Check(f"in every report the outcomes add up to what was read ({unexplained} off)", unexplained == 0),
        *(
            Check(f"{report.pipeline}: {report.counts.read} records were read", report.counts.read > 0)
            for report in reports.values()
        ),
    ]


@dataclass(frozen=True)
class Found:
    """So many of the records that were asked for are there."""

    there: int
    asked: int

    @classmethod
    def count(cls, answers: Iterable[bool]) -> Found:
        """One answer for each record."""
        answered = list(answers)
        return cls(sum(answered), len(answered))


@dataclass(frozen=True)
class Sample:
    """A few records of the simulated shop and what is known of them, before or after the syncs."""

    opt_in: object
    contact: bool
    products: Found
    purchases: Found

    @classmethod
    def take(cls, shop: ShopReads, customer: Mapping[str, Any], window: Mapping[str, Any]) -> Sample:
        """Read them at both vendors. Of the products only those count whose stock Connectif knows: that is
        what the shop's web tag does not tell.
        """
        products = (shop.product(product_id) or {} for product_id in shop.product_ids())
        groups = shop.order_groups(window)
        return cls(
            opt_in=shop.opt_in(customer["id"]),
            contact=shop.contact(customer["email"]) is not None,
            products=Found.count("inStockUnits" in product for product in products),
            purchases=Found.count(shop.purchase(group) is not None for group in groups),
        )


def checks_of_shop(customer: Mapping[str, Any], before: Sample, after: Sample) -> list[Check]:
    """What changed at both vendors while the runs went on."""
    who = f"VTEX customer {customer['id']}"
    return [
        Check(f"Connectif knows {who} as a contact", after.contact),
        Check(
            f"{who} has isNewsletterOptIn {after.opt_in}, before it was {before.opt_in}",
            before.opt_in is True and after.opt_in is False,
        ),
        Check(
            f"of {after.products.asked} products, Connectif knows the stock of {after.products.there}; "
            f"before it knew that of {before.products.there}",
            after.products.there > before.products.there,
        ),
        Check(
            f"of {after.purchases.asked} of the day's orders, Connectif has {after.purchases.there}; "
            f"before it had {before.purchases.there}",
            after.purchases.there > before.purchases.there,
        ),
    ]


def print_state(state: Mapping[str, Any]) -> None:
    """How much Connectif has now, and how it came there: by the shop's web tag, by import, by API call."""
    print("\nConnectif now")
    for pipeline, origins in state["origins"].items():
        print(f"  {pipeline}: {state[pipeline]} ({_words(origins)})")
    print(f"  newsletter: {_words(state['newsletter'])}")


def print_checks(checks: Sequence[Check]) -> None:
    """One line per check."""
    print("\nChecked at the reports, at Connectif and at VTEX")
    for check in checks:
        print(f"  {'ok    ' if check.good else 'FAILED'} {check.statement}")
