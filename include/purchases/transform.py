"""Staged orders → purchases of this window, some hundred orders at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from include.outcomes import OUTCOME_OF, Outcome, Reason
from include.pipeline.erased_people import ErasedPeople
from include.pipeline.guards import Share, guard_against_mass_change
from include.pipeline.run import SyncRun, count_outcomes, keep_outcomes
from include.purchases.rules import CURRENCY
from include.purchases.extract import ADDED_ITEMS, ADDRESSES, SELECTION, whole_groups_in
from include.purchases.mapping import MappedPurchases, Purchase, map_purchases
from include.purchases.missing_references import contact_from_order
from include.purchases.order_selection import OrderSelection
from include.purchases.orders import PurchaseRules, earliest_instants, purchase_id
from include.purchases.rules import rules_of
from include.report import StageCounts
from include.staging import Staging
from include.values.mapped import outcome_rows_of

PURCHASES = "purchases-"
UNSENT = "unsent-"

Order = dict[str, Any]


def transform(run: SyncRun, target: Staging, *, source: Staging) -> StageCounts:
    """Stage `purchases-<number>.json`, ready to post, and outcomes on orders that are in none.

    `unsent-<number>.json` says what became of purchases that wait, for their customer's address say.
    """
    counts, erased = StageCounts(), ErasedPeople(run.state)
    rules = rules_of(run, source.read_json(CURRENCY))
    addresses, catalogue = source.read_json(ADDRESSES), source.read_json(ADDED_ITEMS)
    selection = None if run.plan.only else OrderSelection.from_json(source.read_json(SELECTION))
    for number, orders in enumerate(whole_groups_in(source), start=1):
        ours = list(_of_this_run(orders, rules, selection)) if selection else orders
        mapped = without_erased(map_purchases(ours, rules, addresses, catalogue), erased)
        staged = [_as_json(purchase, run.vtex.account.country) for purchase in mapped.purchases]
        target.write_json(f"{PURCHASES}{number:05}.json", staged)
        target.write_json(f"{UNSENT}{number:05}.json", unsent_purchases(ours, mapped, rules, selection))
        keep_outcomes(target, f"{number:05}", mapped.outcomes)
        count_outcomes(counts, mapped.outcomes)
        counts.read += len({order["orderId"] for order in ours})
        for purchase in mapped.purchases:
            counts.drops.update(purchase.drops)
    guard_against_mass_change(run, [_left_out(run, counts)])
    return counts


_AS_USUAL = (Reason.ORDER_CANCELED, Reason.ORDER_INCOMPLETE, Reason.ERASED)


def _left_out(run: SyncRun, counts: StageCounts) -> Share:
    """Orders that are no purchase, of those that could be one."""
    limits, usual = run.settings.mass_change, sum(counts.reasons[reason] for reason in _AS_USUAL)
    number = counts.outcomes.total() - usual
    reasons = {reason: n for reason, n in counts.reasons.most_common() if reason not in _AS_USUAL}
    return Share(
        number,
        counts.read - usual,
        "orders that are complete and not canceled",
        f"{number:,} would be left out ({', '.join(f'{n:,} {reason}' for reason, n in reasons.items())})",
        limits.orders_left_out_percent,
        limits.minimum,
        "Check what these reasons mean, [purchases] in the settings, and the rights of the VTEX key.",
    )


def without_erased(mapped: MappedPurchases, people: ErasedPeople) -> MappedPurchases:
    """Orders of people who asked to be erased get an outcome instead of a purchase."""
    theirs = [purchase for purchase in mapped.purchases if purchase.body["contactEmail"] in people]
    if not theirs:
        return mapped
    outcomes = outcome_rows_of(
        (order_id, Reason.ERASED, "") for purchase in theirs for order_id in purchase.order_ids
    )
    return MappedPurchases(
        tuple(purchase for purchase in mapped.purchases if purchase not in theirs),
        pd.concat([mapped.outcomes, outcomes], ignore_index=True),
    )


def _of_this_run(orders: list[Order], rules: PurchaseRules, selection: OrderSelection) -> Iterator[Order]:
    """The orders whose purchase is this run's; one without any date is taken, to be counted.

    A part that only came along with its group shows that the purchase belongs to another run.
    """
    first = earliest_instants(orders, rules)
    named = {purchase_id(order, rules) for order in orders if order["orderId"] in selection.named}
    for order in orders:
        key = purchase_id(order, rules)
        if key in named or (not selection.asked and (key not in first or selection.takes(key, first[key]))):
            yield order


def unsent_purchases(
    orders: list[Order], mapped: MappedPurchases, rules: PurchaseRules, selection: OrderSelection | None
) -> list[dict[str, Any]]:
    """Purchases that are held, and what became of held ones that were taken up and will not be posted:
    `{"purchase_id", "order_ids", "happened", "reason"}`."""
    reasons = dict(zip(mapped.outcomes["key"], mapped.outcomes["reason"], strict=True))
    going = {purchase.purchase_id for purchase in mapped.purchases}
    began = earliest_instants(orders, rules)
    found: dict[str, dict[str, Any]] = {}
    for order in orders:
        key, reason = purchase_id(order, rules), reasons.get(order["orderId"])
        taken_up = selection is not None and (bool(selection.asked) or key in selection.held)
        if reason is None or key in going or key not in began:
            continue
        waits = OUTCOME_OF[Reason(reason)] is Outcome.HELD
        if not (waits or taken_up):
            continue
        entry = found.setdefault(
            key, {"purchase_id": key, "order_ids": [], "happened": began[key].isoformat(), "reason": reason}
        )
        entry["order_ids"].append(order["orderId"])
        entry["reason"] = reason if waits else entry["reason"]
    return list(found.values())


def _as_json(purchase: Purchase, country: str) -> dict[str, Any]:
    return {
        "purchase_id": purchase.purchase_id,
        "order_ids": purchase.order_ids,
        "happened": purchase.happened.isoformat(),
        "body": purchase.body,
        "contact": contact_from_order(purchase.orders, country=country),
    }
