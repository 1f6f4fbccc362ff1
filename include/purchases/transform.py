"""Transform staged orders into purchases of this run, some hundred orders at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from include.outcomes import Outcome, Reason
from include.pipeline.erased_people import ErasedPeople
from include.pipeline.guards import Share, guard_against_mass_change
from include.pipeline.run import SyncRun, count_outcomes, keep_outcomes
from include.purchases.extract import ADDED_ITEMS, ADDRESSES, SELECTION, whole_groups_in
from include.purchases.mapping import (
    MappedPurchases,
    Purchase,
    map_purchases,
    payment_method,
    sales_channel,
)
from include.purchases.missing_references import contact_from_order
from include.purchases.order_selection import OrderSelection
from include.purchases.orders import PurchaseRules, earliest_instants, purchase_id
from include.purchases.rules import CURRENCY, rules_of
from include.purchases.staged import PURCHASES, UNSENT, StagedPurchase
from include.report import StageCounts
from include.staging import Staging
from include.values.mapped import outcome_rows_of

Order = dict[str, Any]


def transform(run: SyncRun, target: Staging, *, source: Staging) -> StageCounts:
    """Stage purchases to post (`purchases-<number>.json`), and the outcomes of all other orders.

    `unsent-<number>.json` has the purchases that are not posted, for example those without a real address.
    """
    counts, erased = StageCounts(), ErasedPeople(run.state)
    rules = rules_of(run, source.read_json(CURRENCY))
    addresses, catalogue = source.read_json(ADDRESSES), source.read_json(ADDED_ITEMS)
    selection = None if run.plan.only else OrderSelection.from_json(source.read_json(SELECTION))
    for number, orders in enumerate(whole_groups_in(source), start=1):
        own = list(_select_own_orders(orders, rules, selection)) if selection else orders
        mapped = drop_erased(map_purchases(own, rules, addresses, catalogue), erased)
        staged = [_to_json(purchase, run.vtex.account.country) for purchase in mapped.purchases]
        target.write_json(f"{PURCHASES}{number:05}.json", staged)
        target.write_json(f"{UNSENT}{number:05}.json", unsent_purchases(own, mapped, rules, selection))
        keep_outcomes(target, f"{number:05}", mapped.outcomes)
        count_outcomes(counts, mapped.outcomes)
        counts.read += len({order["orderId"] for order in own})
        for purchase in mapped.purchases:
            counts.drops.update(purchase.drops)
    guard_against_mass_change(run, [_left_out_share(run, counts)])
    return counts


_EXPECTED_REASONS = (Reason.ORDER_CANCELED, Reason.ORDER_INCOMPLETE, Reason.ERASED)


def _left_out_share(run: SyncRun, counts: StageCounts) -> Share:
    """The share of orders that are left out, without those that never become purchases."""
    limits, expected = run.settings.mass_change, sum(counts.reasons[reason] for reason in _EXPECTED_REASONS)
    number = counts.outcomes.total() - expected
    reasons = {reason: n for reason, n in counts.reasons.most_common() if reason not in _EXPECTED_REASONS}
    return Share(
        number,
        counts.read - expected,
        "orders that are complete and not canceled",
        f"{number:,} would be left out ({', '.join(f'{n:,} {reason}' for reason, n in reasons.items())})",
        limits.orders_left_out_percent,
        limits.minimum,
        "Check these reasons, [purchases] in the settings, and the permissions of the VTEX key.",
    )


def drop_erased(mapped: MappedPurchases, people: ErasedPeople) -> MappedPurchases:
    """Replace the purchases of erased people with outcomes."""
    erased = [purchase for purchase in mapped.purchases if purchase.body["contactEmail"] in people]
    if not erased:
        return mapped
    outcomes = outcome_rows_of(
        (order_id, Reason.ERASED, "") for purchase in erased for order_id in purchase.order_ids
    )
    return MappedPurchases(
        tuple(purchase for purchase in mapped.purchases if purchase not in erased),
        pd.concat([mapped.outcomes, outcomes], ignore_index=True),
    )


def _select_own_orders(
    orders: list[Order], rules: PurchaseRules, selection: OrderSelection
) -> Iterator[Order]:
    """The orders whose purchase belongs to this run. An order without a date counts too.

    A part that was read with its group can show that the purchase belongs to another run.
    """
    started = earliest_instants(orders, rules)
    own_keys = {purchase_id(order, rules) for order in orders if order["orderId"] in selection.own_orders}
    for order in orders:
        key = purchase_id(order, rules)
        is_dated_here = key not in started or selection.includes(key, started[key])
        if key in own_keys or (not selection.replay and is_dated_here):
            yield order


def unsent_purchases(
    orders: list[Order], mapped: MappedPurchases, rules: PurchaseRules, selection: OrderSelection | None
) -> list[StagedPurchase]:
    """The held purchases, and the retried purchases that will not be posted, with their reasons:
    `{"purchase_id", "order_ids", "happened", "reason", "payment_method", "sales_channel"}`."""
    reasons = dict(zip(mapped.outcomes["key"], mapped.outcomes["reason"], strict=True))
    to_post = {purchase.purchase_id for purchase in mapped.purchases}
    started = earliest_instants(orders, rules)
    unsent: dict[str, StagedPurchase] = {}
    for order in orders:
        key, reason = purchase_id(order, rules), reasons.get(order["orderId"])
        is_retried = selection is not None and (bool(selection.replay) or key in selection.held)
        if reason is None or key in to_post or key not in started:
            continue
        is_held = Reason(reason).outcome is Outcome.HELD
        if not (is_held or is_retried):
            continue
        entry = unsent.setdefault(
            key,
            {
                "purchase_id": key,
                "order_ids": [],
                "happened": started[key].isoformat(),
                "reason": reason,
                **_origin([order]),
            },
        )
        entry["order_ids"].append(order["orderId"])
        entry["reason"] = reason if is_held else entry["reason"]
    return list(unsent.values())


def _origin(orders: Sequence[Order]) -> dict[str, str]:
    """What the tracking loss is counted by."""
    return {"payment_method": payment_method(orders), "sales_channel": sales_channel(orders)}


def _to_json(purchase: Purchase, country: str) -> StagedPurchase:
    return {
        "purchase_id": purchase.purchase_id,
        "order_ids": purchase.order_ids,
        "happened": purchase.happened.isoformat(),
        **_origin(purchase.orders),
        "body": purchase.body,
        "contact": contact_from_order(purchase.orders, country=country),
    }
