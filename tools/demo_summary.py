"""The demo's output: one block for each run, and checks that a reader can repeat by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.outcomes import Outcome
from include.state.reports import StoredReport
from tools.shop_reads import ShopReads


@dataclass(frozen=True)
class Check:
    """One statement about the finished demo, and whether it is true."""

    statement: str
    good: bool


def print_reports(runs: Sequence[tuple[str, StoredReport]]) -> None:
    """For each run: what was read, the outcomes and reasons, and the calls."""
    print("\nReports of the runs")
    for title, stored in runs:
        counts = stored.report.counts
        print(f"\n  {stored.report.pipeline}: {title}")
        outcomes = _words({outcome: counts.outcomes[outcome] for outcome in Outcome})
        print(f"    read {counts.read}: {outcomes or 'nothing'}; written {counts.written}")
        for label, counter in (("reasons", counts.reasons), ("fields left out", counts.drops)):
            if counter:
                print(f"    {label}: {_words(counter)}")
        calls = [f"{vendor} {used.made}" for vendor, used in sorted(counts.calls.items())]
        print(f"    calls: {', '.join(calls) or 'none'}; {sum(counts.seconds.values()):.1f} s")


def _words(counter: Mapping[Any, int]) -> str:
    return ", ".join(f"{word} {number}" for word, number in counter.items() if number)


def checks_of_reports(run_ids: Sequence[str], runs: Mapping[str, StoredReport]) -> list[Check]:
    """Every run has a report, and the outcomes of each report add up to the records read."""
    reports = {run_id: runs[run_id].report for run_id in run_ids if run_id in runs}
    unexplained = sum(abs(report.missing) for report in reports.values())
    return [
        Check(f"{len(reports)} of {len(run_ids)} runs have a report", len(reports) == len(run_ids)),
        Check(
            f"in every report the outcomes add up to the records read ({unexplained} missing)",
            unexplained == 0,
        ),
        *(
            Check(f"{report.pipeline}: read {report.counts.read}, more than 0", report.counts.read > 0)
            for report in reports.values()
        ),
    ]


@dataclass(frozen=True)
class FoundRecords:
    """How many of some records a vendor has."""

    found: int
    total: int

    @classmethod
    def count(cls, answers: Iterable[bool]) -> FoundRecords:
        """One answer for each record."""
        answered = list(answers)
        return cls(sum(answered), len(answered))


@dataclass(frozen=True)
class Sample:
    """A few records of the simulated shop at both vendors, before or after the syncs."""

    opt_in: object
    contact: bool
    products: FoundRecords
    purchases: FoundRecords

    @classmethod
    def take(cls, shop: ShopReads, customer: Mapping[str, Any], window: Mapping[str, Any]) -> Sample:
        """Read the records at both vendors. A product counts only if Connectif knows its stock, because the
        web tag does not report stock.
        """
        products = (shop.product(product_id) or {} for product_id in shop.product_ids())
        groups = shop.order_groups(window)
        return cls(
            opt_in=shop.opt_in(customer["id"]),
            contact=shop.contact(customer["email"]) is not None,
            products=FoundRecords.count("inStockUnits" in product for product in products),
            purchases=FoundRecords.count(shop.purchase(group) is not None for group in groups),
        )


def checks_of_shop(customer: Mapping[str, Any], before: Sample, after: Sample) -> list[Check]:
    """What the runs changed at both vendors."""
    who = f"VTEX customer {customer['id']}"
    return [
        Check(f"Connectif knows {who} as a contact", after.contact),
        Check(
            f"{who} has isNewsletterOptIn {after.opt_in}, before it was {before.opt_in}",
            before.opt_in is True and after.opt_in is False,
        ),
        Check(
            f"Connectif has more stock figures than before: {after.products.found} of a sample of "
            f"{after.products.total} products (before {before.products.found})",
            after.products.found > before.products.found,
        ),
        Check(
            f"Connectif has more purchases than before: {after.purchases.found} of a sample of "
            f"{after.purchases.total} orders (before {before.purchases.found})",
            after.purchases.found > before.purchases.found,
        ),
    ]


def print_state(state: Mapping[str, Any]) -> None:
    """What Connectif has now, and its origin: the shop's web tag, an import, an API call."""
    print("\nConnectif now")
    for pipeline, origins in state["origins"].items():
        print(f"  {pipeline}: {state[pipeline]} ({_words(origins)})")
    print(f"  newsletter: {_words(state['newsletter'])}")


def print_checks(checks: Sequence[Check]) -> None:
    """One line for each check."""
    print("\nChecks of the reports, of Connectif and of VTEX")
    for check in checks:
        print(f"  {'ok    ' if check.good else 'FAILED'} {check.statement}")
