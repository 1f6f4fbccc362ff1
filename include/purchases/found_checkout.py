"""Find the purchases of a checkout: at VTEX, in the state store and at Connectif."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.connectif import routes
from include.http.transport import RequestRefused
from include.outcomes import PipelineName, Reason
from include.pipeline.erased_people import ErasedPeople
from include.pipeline.explain_context import ExplainContext
from include.purchases.checkout import order_group_of, read_checkout
from include.purchases.extract import read_added_items, read_addresses
from include.purchases.mapping import MappedPurchases, Purchase, map_purchases, profile_id
from include.purchases.order_items import added_skus
from include.purchases.orders import group_of
from include.purchases.rules import currency_of_shop, rules_of
from include.purchases.transform import drop_erased
from include.state import PostMark, StoredOutcome, StoredPurchase

Order = dict[str, Any]


@dataclass(frozen=True)
class FoundPurchase:
    """A purchase in each system; None where it is not. `found_id` is its id at Connectif."""

    purchase: Purchase | None
    recorded: StoredPurchase | None
    there: Order | None
    found_id: str


@dataclass(frozen=True)
class FoundCheckout:
    """All orders of a checkout, and the purchases that they are. `unsent` has the outcomes of the mapping, by
    order; `stored` has those of runs."""

    record: str
    orders: list[Order]
    unsent: dict[str, tuple[Reason, str]]
    purchases: tuple[FoundPurchase, ...]
    stored: dict[str, StoredOutcome]
    marks: list[PostMark]
    vendor_texts: tuple[str, ...]

    @property
    def recorded(self) -> list[StoredPurchase]:
        """The purchases that runs have recorded."""
        return [found.recorded for found in self.purchases if found.recorded]

    @property
    def is_known(self) -> bool:
        """Whether a system or the state store has it."""
        return bool(self.orders or self.stored or any(one.there or one.recorded for one in self.purchases))


def read_orders(context: ExplainContext, record: str) -> list[Order]:
    """All orders of the checkout."""
    try:
        group = order_group_of(context.vtex.order(record))
    except RequestRefused as refused:
        if refused.status not in {400, 404}:
            raise
        return read_checkout(context.vtex, record).orders
    return read_checkout(context.vtex, group, expected=[record]).orders


def map_orders(context: ExplainContext, orders: list[Order]) -> MappedPurchases:
    """The purchases that the next run would send, and the outcomes of the other orders."""
    run = context.run(PipelineName.PURCHASES)
    rules = rules_of(run, currency_of_shop(run))
    customers = {key for key in map(profile_id, orders) if re.fullmatch(r"[\w-]+", key)}
    addresses = read_addresses(context.vtex, customers)
    catalogue = read_added_items(context.vtex, {sku for order in orders for sku in added_skus(order)})
    return drop_erased(map_purchases(orders, rules, addresses, catalogue), ErasedPeople(context.state))


def find_checkout(context: ExplainContext, record: str) -> FoundCheckout:
    """All orders of the checkout of an order id or an order group, with one call to Connectif for each id."""
    orders = read_orders(context, record)
    mapped = map_orders(context, orders)
    ids = _ids(record, orders)
    unsent = {
        str(outcome.key): (Reason(str(outcome.reason)), str(outcome.detail))
        for outcome in mapped.outcomes.itertuples()
    }
    recorded = context.state.purchases.recorded(ids)
    found = [
        _find(context, purchase, _ids_of(purchase, ids, mapped), recorded) for purchase in mapped.purchases
    ]
    by_order = context.settings.purchases.purchase_id_source == "order_id"
    if not found or (by_order and record in unsent):
        found.append(_find(context, None, [record] if found else ids, recorded))
    stored = context.state.records.outcomes_of(PipelineName.PURCHASES, ids)
    marks = [mark for mark in context.state.post_marks.marks() if mark.purchase_id in ids]
    texts = context.state.vendor_texts.of(PipelineName.PURCHASES, ids).values()
    return FoundCheckout(
        record, orders, unsent, tuple(found), stored, marks, vendor_texts=tuple(dict.fromkeys(texts))
    )


def _ids(record: str, orders: list[Order]) -> list[str]:
    """Every id under which the state store or Connectif may have the purchase."""
    order_ids = [str(order["orderId"]) for order in orders]
    groups = [str(order.get("orderGroup") or "") for order in orders]
    return list(dict.fromkeys(filter(None, [*groups, record, group_of(record), *order_ids])))


def _ids_of(purchase: Purchase, ids: list[str], mapped: MappedPurchases) -> list[str]:
    """The ids that may be this purchase: its own one first, and never those of another purchase."""
    others = [one for one in mapped.purchases if one is not purchase]
    taken = {key for one in others for key in (one.purchase_id, *one.order_ids)}
    return list(dict.fromkeys([purchase.purchase_id, *(key for key in ids if key not in taken)]))


def _find(
    context: ExplainContext, purchase: Purchase | None, ids: list[str], recorded: Mapping[str, StoredPurchase]
) -> FoundPurchase:
    own = next((recorded[key] for key in ids if key in recorded), None)
    for purchase_id in ids:
        if there := context.read_connectif(routes.READ_PURCHASE, {"purchase_id": purchase_id}):
            return FoundPurchase(purchase, own, there, purchase_id)
    return FoundPurchase(purchase, own, None, "")
