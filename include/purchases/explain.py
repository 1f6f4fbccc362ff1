"""Explain an order or an order group: VTEX's orders, the mapping, the recorded outcomes, and Connectif."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from include.connectif import routes
from include.http.transport import RequestRefused
from include.outcomes import Kind, Outcome, PipelineName, Reason
from include.pipeline.erased_people import ErasedPeople
from include.pipeline.explain_context import ExplainContext
from include.pipeline.explanation import (
    Explanation,
    Fact,
    Part,
    differing_fields,
    explain_reason,
    facts,
    format_value,
    outcome_facts,
    vendor_text_facts,
)
from include.purchases.checkout import order_group_of, read_checkout
from include.purchases.extract import read_added_items, read_addresses
from include.purchases.mapping import MappedPurchases, map_purchases, profile_id
from include.purchases.order_items import added_skus
from include.purchases.orders import group_of
from include.purchases.rules import currency_of_shop, rules_of
from include.purchases.transform import drop_erased
from include.run_name import readable
from include.state import StoredPurchase

Order = dict[str, Any]
_PERSONAL = ("contactEmail",)


def explain_order(context: ExplainContext, record: str) -> Explanation:
    """Explain the purchase of an order id or an order group: all orders of the checkout together."""
    orders, run = _read_orders(context, record), context.run(PipelineName.PURCHASES)
    rules = rules_of(run, currency_of_shop(run))
    customers = {key for key in map(profile_id, orders) if re.fullmatch(r"[\w-]+", key)}
    addresses = read_addresses(context.vtex, customers)
    catalogue = read_added_items(context.vtex, {sku for order in orders for sku in added_skus(order)})
    mapped = drop_erased(map_purchases(orders, rules, addresses, catalogue), ErasedPeople(context.state))
    ids = _ids(record, orders)
    at_connectif, found_id = _read_purchase(context, ids)
    purchases = context.state.purchases.recorded(ids)
    stored = context.state.records.outcomes_of(PipelineName.PURCHASES, ids)
    texts = context.state.vendor_texts.of(PipelineName.PURCHASES, ids)
    bodies = [purchase.body for purchase in mapped.purchases]
    recorded = [fact for key, one in purchases.items() for fact in _purchase_facts(one, texts.get(key, ""))]
    parts = (
        Part("VTEX holds now", tuple(f for order in orders for f in _order_facts(order)), "no such order"),
        Part("would be sent", tuple(f for body in bodies for f in _body_facts(body)), "nothing"),
        Part("was sent last", tuple(recorded), "no run has recorded a purchase of it"),
        Part(
            "the last run's outcome",
            tuple(
                replace(fact, label=f"{key}, {fact.label}")
                for key in stored
                for fact in outcome_facts(stored[key], texts.get(key, ""))
            ),
            "no run has recorded an outcome for it",
        ),
        Part(
            "Connectif holds",
            _body_facts(at_connectif) if at_connectif else (),
            "no purchase under any of its ids",
        ),
    )
    decision = (
        *_order_decisions(mapped),
        *_connectif_decisions(bodies, at_connectif, found_id, list(purchases.values())),
    )
    if not orders:
        decision = ("VTEX has no order and no order group with this id", *decision)
    return Explanation(
        Kind.ORDER, record, parts, decision, bool(orders or at_connectif or purchases or stored)
    )


def _read_orders(context: ExplainContext, record: str) -> list[Order]:
    """All orders of the checkout."""
    try:
        group = order_group_of(context.vtex.order(record))
    except RequestRefused as refused:
        if refused.status not in {400, 404}:
            raise
        return read_checkout(context.vtex, record).orders
    return read_checkout(context.vtex, group, expected=[record]).orders


def _ids(record: str, orders: list[Order]) -> list[str]:
    """Every id under which the state store or Connectif may have the purchase."""
    order_ids = [str(order["orderId"]) for order in orders]
    groups = [str(order.get("orderGroup") or "") for order in orders]
    return list(dict.fromkeys(filter(None, [*groups, record, group_of(record), *order_ids])))


def _read_purchase(context: ExplainContext, ids: list[str]) -> tuple[Order | None, str]:
    for purchase_id in ids:
        if found := context.read_connectif(routes.READ_PURCHASE, {"purchase_id": purchase_id}):
            return found, purchase_id
    return None, ""


def _order_facts(order: Order) -> tuple[Fact, ...]:
    fields = {
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
    return tuple(Fact(f"{order['orderId']}, {f.label}", f.value, f.personal) for f in facts(fields))


def _body_facts(body: Order) -> tuple[Fact, ...]:
    head = {name: value for name, value in body.items() if name != "products"}
    lines = tuple(
        Fact(
            f"line {number}",
            format_value(f"product {line.get('productId')}, {line.get('name')}: {line.get('quantity')} at "
                  f"{line.get('unitPrice')} = {line.get('price')}, {line.get('productDetailUrl')}"),
        )
        for number, line in enumerate(body.get("products") or [], start=1)
    )  # fmt: skip
    return (*facts(head, _PERSONAL), *lines)


def _purchase_facts(stored: StoredPurchase, vendor_text: str) -> tuple[Fact, ...]:
    outcome = f"{stored.outcome}: {stored.reason}" if stored.reason else str(stored.outcome)
    fields = {
        "outcome": f"{outcome}, {stored.attempts} answers since {format_value(stored.first_seen)}",
        "answer": stored.detail or None,
        "by the run": readable(stored.run_key),
        "at": stored.last_seen,
    }
    return tuple(
        replace(fact, label=f"{stored.purchase_id}, {fact.label}")
        for fact in (*facts(fields), *vendor_text_facts(vendor_text))
    )


def _order_decisions(mapped: MappedPurchases) -> list[str]:
    outcomes = [
        f"Order {outcome.key} is {outcome.outcome} as "
        f"{explain_reason(Reason(str(outcome.reason)), str(outcome.detail))}"
        for outcome in mapped.outcomes.itertuples()
    ]
    return [
        *outcomes,
        *(
            f"Purchase {purchase.purchase_id}, with the orders {', '.join(purchase.order_ids)}, started at "
            f"{format_value(purchase.happened)}: the run of that time sends it"
            for purchase in mapped.purchases
        ),
    ]


def _connectif_decisions(
    bodies: list[Order], at_connectif: Order | None, found_id: str, purchases: list[StoredPurchase]
) -> list[str]:
    if at_connectif is None:
        refused = [one for one in purchases if one.outcome is Outcome.REJECTED and one.reason]
        refusals = [
            f"Connectif refused it: {explain_reason(one.reason, one.detail)}" for one in refused if one.reason
        ]
        return refusals or (["Connectif does not have it"] if bodies else [])
    sent = any(one.outcome is Outcome.SENT for one in purchases)
    sender = "a run of this sync sent it" if sent else "the web tag or another system sent it"
    lines = [f"Connectif has it under {found_id}; {sender}. A purchase there cannot be changed, only deleted"]
    for body in bodies:
        if body["purchaseId"] != found_id:
            lines.append(
                f"The setting purchases.purchase_id_source would send it as {body['purchaseId']}: the "
                "sync recognises both ids and does not send it twice"
            )
        other = differing_fields({name: body[name] for name in ("totalPrice", "totalQuantity")}, at_connectif)
        lines += [f"Different at Connectif: {', '.join(other)}"] if other else []
    return lines
