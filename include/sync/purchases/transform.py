"""Staged orders → purchases of this window, some hundred orders at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from include.mapping.healing import contact_from_order
from include.mapping.orders import PurchaseRules, earliest_instants, purchase_id
from include.mapping.purchases import MappedPurchases, Purchase, map_purchases
from include.mapping.result import verdicts_of
from include.outcomes import OUTCOME_OF, Outcome, Reason
from include.report import StageCounts
from include.staging import Staging
from include.sync.erased import ErasedPeople
from include.sync.mass_change import Share, guard_against_mass_change
from include.sync.purchases.agenda import Agenda
from include.sync.purchases.currency import CURRENCY
from include.sync.purchases.extract import ADDED_ITEMS, ADDRESSES, AGENDA, whole_groups_in
from include.sync.purchases.rules import rules_of
from include.sync.run import SyncRun, count_verdicts, keep_verdicts

PURCHASES = "purchases-"
UNSENT = "unsent-"

Order = dict[str, Any]


def transform(run: SyncRun, target: Staging, *, source: Staging) -> StageCounts:
    """Stage `purchases-<number>.json`, ready to post, and verdicts on orders that are in none.

    `unsent-<number>.json` says what became of purchases that wait, for their customer's address say.
    """
    counts, erased = StageCounts(), ErasedPeople(run.store)
    rules = rules_of(run, source.read_json(CURRENCY))
    addresses, catalogue = source.read_json(ADDRESSES), source.read_json(ADDED_ITEMS)
    agenda = None if run.plan.only else Agenda.from_json(source.read_json(AGENDA))
    for number, orders in enumerate(whole_groups_in(source), start=1):
        ours = list(_of_this_run(orders, rules, agenda)) if agenda else orders
        mapped = without_erased(map_purchases(ours, rules, addresses, catalogue), erased)
        staged = [_as_json(purchase, run.vtex.account.country) for purchase in mapped.purchases]
        target.write_json(f"{PURCHASES}{number:05}.json", staged)
        target.write_json(f"{UNSENT}{number:05}.json", unsent_purchases(ours, mapped, rules, agenda))
        keep_verdicts(target, f"{number:05}", mapped.verdicts)
        count_verdicts(counts, mapped.verdicts)
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
    """Orders of people who asked to be erased get a verdict instead of a purchase."""
    theirs = [purchase for purchase in mapped.purchases if purchase.body["contactEmail"] in people]
    if not theirs:
        return mapped
    verdicts = verdicts_of(
        (order_id, Reason.ERASED, "") for purchase in theirs for order_id in purchase.order_ids
    )
    return MappedPurchases(
        tuple(purchase for purchase in mapped.purchases if purchase not in theirs),
        pd.concat([mapped.verdicts, verdicts], ignore_index=True),
    )


def _of_this_run(orders: list[Order], rules: PurchaseRules, agenda: Agenda) -> Iterator[Order]:
    """The orders whose purchase is this run's; one without any date is taken, to be counted.

    A part that only came along with its group shows that the purchase belongs to another run.
    """
    first = earliest_instants(orders, rules)
    named = {purchase_id(order, rules) for order in orders if order["orderId"] in agenda.named}
    for order in orders:
        key = purchase_id(order, rules)
        if key in named or (not agenda.asked and (key not in first or agenda.takes(key, first[key]))):
            yield order


def unsent_purchases(
    orders: list[Order], mapped: MappedPurchases, rules: PurchaseRules, agenda: Agenda | None
) -> list[dict[str, Any]]:
    """Purchases that are held, and what became of held ones that were taken up and will not be posted:
    `{"purchase_id", "order_ids", "happened", "reason"}`."""
    reasons = dict(zip(mapped.verdicts["key"], mapped.verdicts["reason"], strict=True))
    going = {purchase.purchase_id for purchase in mapped.purchases}
    began = earliest_instants(orders, rules)
    found: dict[str, dict[str, Any]] = {}
    for order in orders:
        key, reason = purchase_id(order, rules), reasons.get(order["orderId"])
        taken_up = agenda is not None and (bool(agenda.asked) or key in agenda.held)
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
