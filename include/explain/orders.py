"""An order, or an order group: VTEX's orders, the mapping, what runs have written down, and Connectif."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from include.connectif import routes
from include.explain.answer import (
    Explanation,
    Fact,
    Kind,
    Part,
    because,
    differences,
    facts,
    outcome_facts,
    shown,
    words,
)
from include.explain.desk import Desk
from include.mapping.order_items import added_skus
from include.mapping.purchases import MappedPurchases, map_purchases, profile_id
from include.outcomes import Area, Outcome, Reason
from include.rest.transport import RequestRefused
from include.run_name import readable
from include.store import StoredPurchase
from include.sync.erased import ErasedPeople
from include.sync.purchases.checkout import group_named_by, read_checkout
from include.sync.purchases.currency import currency_of_shop
from include.sync.purchases.extract import added_items, real_addresses
from include.sync.purchases.groups import group_of
from include.sync.purchases.rules import rules_of
from include.sync.purchases.transform import without_erased

Order = dict[str, Any]
_PERSONAL = ("contactEmail",)


def explain_order(desk: Desk, record: str) -> Explanation:
    """An order's id, or that of its group: the purchase that all orders of the checkout are together."""
    orders, run = _orders(desk, record), desk.run(Area.PURCHASES)
    rules = rules_of(run, currency_of_shop(run))
    customers = {key for key in map(profile_id, orders) if re.fullmatch(r"[\w-]+", key)}
    addresses = real_addresses(desk.vtex, customers)
    catalogue = added_items(desk.vtex, {sku for order in orders for sku in added_skus(order)})
    mapped = without_erased(map_purchases(orders, rules, addresses, catalogue), ErasedPeople(desk.store))
    ids = _ids(record, orders)
    there, under = _at_connectif(desk, ids)
    purchases = desk.store.recorded_purchases(ids)
    stored = desk.store.outcomes_of(Area.PURCHASES, ids)
    said = desk.store.vendor_texts(Area.PURCHASES, ids)
    bodies = [purchase.body for purchase in mapped.purchases]
    written = [fact for key, one in purchases.items() for fact in _purchase_facts(one, said.get(key, ""))]
    parts = (
        Part("VTEX holds now", tuple(f for order in orders for f in _order_facts(order)), "no such order"),
        Part("would be sent", tuple(f for body in bodies for f in _body_facts(body)), "nothing"),
        Part("was sent last", tuple(written), "no run has written a purchase of it down"),
        Part(
            "the last run's outcome",
            tuple(
                replace(fact, label=f"{key}, {fact.label}")
                for key in stored
                for fact in outcome_facts(stored[key], said.get(key, ""))
            ),
            "no run had to refuse it",
        ),
        Part("Connectif holds", _body_facts(there) if there else (), "no purchase under any of its ids"),
    )
    decision = (*_on_orders(mapped), *_on_connectif(bodies, there, under, list(purchases.values())))
    if not orders:
        decision = ("VTEX has no order and no order group with this id", *decision)
    return Explanation(Kind.ORDER, record, parts, decision, bool(orders or there or purchases or stored))


def _orders(desk: Desk, record: str) -> list[Order]:
    """All orders of the checkout."""
    try:
        group = group_named_by(desk.vtex.order(record))
    except RequestRefused as refused:
        if refused.status not in {400, 404}:
            raise
        return read_checkout(desk.vtex, record).orders
    return read_checkout(desk.vtex, group, expected=[record]).orders


def _ids(record: str, orders: list[Order]) -> list[str]:
    """Every id under which store and Connectif may know it."""
    order_ids = [str(order["orderId"]) for order in orders]
    groups = [str(order.get("orderGroup") or "") for order in orders]
    return list(dict.fromkeys(filter(None, [*groups, record, group_of(record), *order_ids])))


def _at_connectif(desk: Desk, ids: list[str]) -> tuple[Order | None, str]:
    for purchase_id in ids:
        if found := desk.at_connectif(routes.READ_PURCHASE, {"purchase_id": purchase_id}):
            return found, purchase_id
    return None, ""


def _order_facts(order: Order) -> tuple[Fact, ...]:
    told = {
        "complete": order.get("isCompleted"),
        "status": order.get("status"),
        "origin": order.get("origin"),
        "affiliate": order.get("affiliateId") or None,
        "sales channel": order.get("salesChannel"),
        "created": order.get("creationDate"),
        "authorized": order.get("authorizedDate"),
        "value in cents": order.get("value"),
        "sellers": sorted({str(item.get("seller")) for item in order.get("items") or []}),
        "lines": len(order.get("items") or []),
        "customer's address on it": (order.get("clientProfileData") or {}).get("email"),
    }
    return tuple(Fact(f"{order['orderId']}, {f.label}", f.value, f.personal) for f in facts(told))


def _body_facts(body: Order) -> tuple[Fact, ...]:
    head = {name: value for name, value in body.items() if name != "products"}
    lines = tuple(
        Fact(
            f"line {number}",
            shown(f"product {line.get('productId')}, {line.get('name')}: {line.get('quantity')} at "
                  f"{line.get('unitPrice')} = {line.get('price')}, {line.get('productDetailUrl')}"),
        )
        for number, line in enumerate(body.get("products") or [], start=1)
    )  # fmt: skip
    return (*facts(head, _PERSONAL), *lines)


def _purchase_facts(stored: StoredPurchase, said: str) -> tuple[Fact, ...]:
    what = f"{stored.outcome}: {stored.reason}" if stored.reason else str(stored.outcome)
    told = {
        "outcome": f"{what}, {stored.attempts} answers since {shown(stored.first_seen)}",
        "answer": stored.detail or None,
        "by the run": readable(stored.run_key),
        "at": stored.last_seen,
    }
    return tuple(
        replace(fact, label=f"{stored.purchase_id}, {fact.label}") for fact in (*facts(told), *words(said))
    )


def _on_orders(mapped: MappedPurchases) -> list[str]:
    said = [
        f"Order {verdict.key} is {verdict.outcome} as "
        f"{because(Reason(str(verdict.reason)), str(verdict.detail))}"
        for verdict in mapped.verdicts.itertuples()
    ]
    return [
        *said,
        *(
            f"Purchase {purchase.purchase_id}, of {', '.join(purchase.order_ids)}, began at "
            f"{shown(purchase.happened)}: the run of that time takes it"
            for purchase in mapped.purchases
        ),
    ]


def _on_connectif(
    bodies: list[Order], there: Order | None, under: str, purchases: list[StoredPurchase]
) -> list[str]:
    if there is None:
        refused = [one for one in purchases if one.outcome is Outcome.REJECTED and one.reason]
        said = [f"Connectif refused it: {because(one.reason, one.detail)}" for one in refused if one.reason]
        return said or (["Connectif does not have it: it is missing there"] if bodies else [])
    sent = any(one.outcome is Outcome.SENT for one in purchases)
    who = "a run of ours sent it" if sent else "the web tag or somebody else brought it"
    said = [f"Connectif has it under {under}; {who}. A purchase there cannot be changed, only deleted"]
    for body in bodies:
        if body["purchaseId"] != under:
            said.append(
                f"The setting purchases.purchase_id_source would send it as {body['purchaseId']}: it is "
                "recognised under both, and not doubled"
            )
        other = differences({name: body[name] for name in ("totalPrice", "totalQuantity")}, there)
        said += [f"At Connectif other: {', '.join(other)}"] if other else []
    return said
