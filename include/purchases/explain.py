"""Explain an order or an order group: VTEX's orders, the mapping, the recorded outcomes, and Connectif."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from include.outcomes import Kind, Outcome, PipelineName, Reason
from include.pipeline.explain_context import Coverage, ExplainContext
from include.pipeline.explain_history import Event, dated_events, outcome_events, timeline
from include.pipeline.explain_sentences import (
    conclude,
    conclude_present,
    conclude_unsent,
    sent_by,
)
from include.pipeline.explain_table import (
    ONLY_AT_CONNECTIF,
    Sides,
    compare_fields,
    differing_fields,
    group_rows,
)
from include.pipeline.explain_values import FieldFormat
from include.pipeline.explanation import (
    Advice,
    Comparison,
    Conclusion,
    Explanation,
    Part,
    Presence,
    RowGroup,
    advice_on_drops,
    explain_reason,
    facts_of,
    trigger_command,
    vendor_text_parts,
)
from include.purchases.found_checkout import FoundCheckout, FoundPurchase, find_checkout
from include.purchases.orders import value_cents
from include.state import StoredOutcome, StoredPurchase
from include.state.purchases import DONE
from include.values.instants import instant
from include.values.money import units
from include.values.shapes import records
from include.window import local_text

Order = dict[str, Any]

_DAG = "sync_purchases"
_CANNOT_CHANGE = "a purchase there cannot be changed, only deleted"
_TIMES_OF_ORDERS = {"creationDate": "created at VTEX", "authorizedDate": "payment authorised at VTEX"}
_TIMES_AT_CONNECTIF = {"createdAt": "created at Connectif", "updatedAt": "last changed at Connectif"}


def explain_order(context: ExplainContext, record: str) -> Explanation:
    """Explain the purchase of an order id or an order group: all orders of the checkout together."""
    checkout = find_checkout(context, record)
    return Explanation(
        Kind.ORDER,
        record,
        is_known=checkout.is_known,
        zone=context.zone,
        conclusion=_conclude(context, checkout),
        comparison=_compare(context, checkout.purchases),
        history=timeline(_events(context, checkout)),
        advice=tuple(dict.fromkeys(_advise(context, checkout))),
        parts=(*_order_parts(context, checkout.orders), *vendor_text_parts(checkout.vendor_texts)),
    )


# --- the conclusion


def _conclude(context: ExplainContext, checkout: FoundCheckout) -> Conclusion:
    if not checkout.orders:
        return _conclude_unknown(checkout)
    if checkout.record in checkout.unsent or not any(one.purchase for one in checkout.purchases):
        return _conclude_unsent(context, checkout)
    mine = [one for one in checkout.purchases if one.purchase]
    asked = [one for one in mine if one.purchase and checkout.record in one.purchase.order_ids]
    conclusions = [_conclude_purchase(context, one) for one in asked or mine]
    worst = max(conclusions, key=lambda one: _SERIOUS.index(one.presence))
    if len(conclusions) == 1:
        return worst
    return conclude(worst.presence, worst.sentence, f"the checkout is {len(mine)} purchases")


_SERIOUS = (
    Presence.IN,
    Presence.LEFT_OUT,
    Presence.ERASED,
    Presence.DIFFERS,
    Presence.MISSING,
    Presence.UNKNOWN,
)


def _conclude_unknown(checkout: FoundCheckout) -> Conclusion:
    if any(one.there for one in checkout.purchases):
        return conclude(Presence.DIFFERS, "In Connectif, but VTEX has no such order")
    return conclude(Presence.UNKNOWN, "Not in VTEX and not in Connectif")


def _conclude_unsent(context: ExplainContext, checkout: FoundCheckout) -> Conclusion:
    reason, detail = checkout.unsent.get(checkout.record) or _most_open(checkout.unsent)
    there = next((one for one in checkout.purchases if one.purchase is None and one.there), None)
    if there and reason.outcome is Outcome.HELD:
        return conclude_present([], _origin(context, there), "")
    if reason.outcome is Outcome.HELD:
        what_next = _retries(context, _first_seen(checkout))
    else:
        others = [one.purchase.purchase_id for one in checkout.purchases if one.purchase]
        what_next = f"other orders of the checkout are the purchase {', '.join(others)}" if others else ""
    return conclude_unsent(reason, detail, what_next=what_next, is_there=there is not None)


def _most_open(unsent: Mapping[str, tuple[Reason, str]]) -> tuple[Reason, str]:
    """The outcome that may still change: held before rejected before excluded."""
    order = [Outcome.HELD, Outcome.REJECTED]
    return min(
        unsent.values(),
        key=lambda one: order.index(one[0].outcome) if one[0].outcome in order else len(order),
    )


def _first_seen(checkout: FoundCheckout) -> datetime | None:
    """When a run saw the held purchase for the first time."""
    held = (one for one in checkout.recorded if one.outcome is Outcome.HELD)
    return next((one.first_seen for one in held), None)


def _retries(context: ExplainContext, first_seen: datetime | None) -> str:
    """Until when runs retry a held purchase, by the clock of the shop."""
    days = context.settings.purchases.held_days
    if first_seen is None:
        return f"runs retry it for {days} days"
    until = first_seen + timedelta(days=days)
    text = local_text(until, context.zone)
    return f"retried until {text}" if context.now() <= until else f"no longer retried since {text}"


def _conclude_purchase(context: ExplainContext, found: FoundPurchase) -> Conclusion:
    if found.there is None:
        return _conclude_missing(context, found)
    differing = differing_fields(_groups(context, found))
    return conclude_present(differing, _origin(context, found), _CANNOT_CHANGE)


def _origin(context: ExplainContext, found: FoundPurchase) -> str:
    recorded, there = found.recorded, found.there or {}
    if recorded is None or recorded.outcome is not Outcome.SENT:
        return "from the web tag or another system"
    # A later run that finds the purchase again replaces the time of the answer
    at = instant(there.get("createdAt")) if recorded.reason else None
    return sent_by(recorded.run_key, at or recorded.last_seen, context.now(), context.zone)


def _conclude_missing(context: ExplainContext, found: FoundPurchase) -> Conclusion:
    recorded = found.recorded
    if recorded and recorded.reason and recorded.outcome not in DONE:
        is_held = recorded.outcome is Outcome.HELD
        what_next = _retries(context, recorded.first_seen) if is_held else ""
        return conclude_unsent(recorded.reason, recorded.detail, what_next=what_next)
    if recorded:
        return conclude(
            Presence.MISSING, "Not in Connectif", "Connectif had it, and it was deleted there since"
        )
    happened = found.purchase.happened if found.purchase else context.now()
    when = context.coverage_of(PipelineName.PURCHASES, happened)
    return conclude(Presence.MISSING, *_WHEN_SENT[when])


_WHEN_SENT = {
    Coverage.NEXT: ("Not in Connectif", "the next run sends it"),
    Coverage.READ: ("Not in Connectif", "the runs of its day did not send it"),
    Coverage.MISSED: ("Not in Connectif", "no run has covered its day"),
}


# --- the table


def _compare(context: ExplainContext, purchases: Sequence[FoundPurchase]) -> Comparison:
    several = len(purchases) > 1
    groups = (_groups(context, one, titled=several) for one in purchases)
    is_sent = any(_is_sent(one) for one in purchases)
    note = (
        "Of a purchase that was sent, only the id, the date and the number of lines left out are kept"
        if is_sent
        else "No run of this sync has sent it"
    )
    return Comparison(tuple(chain.from_iterable(groups)), is_sent, note)


def _is_sent(found: FoundPurchase) -> bool:
    return found.recorded is not None and found.recorded.outcome is Outcome.SENT


def _groups(context: ExplainContext, found: FoundPurchase, *, titled: bool = False) -> tuple[RowGroup, ...]:
    fields = FieldFormat(
        context.zone,
        instants=frozenset({"purchaseDate"}),
        is_personal=lambda name: name == "contactEmail",
    )
    body, there, sent = found.purchase.body if found.purchase else {}, found.there, _sent_values(found)
    rows = compare_fields(fields, Sides(_head(body), there and _head(there), sent, kept=sent))
    title = f"Purchase {found.purchase.purchase_id if found.purchase else found.found_id}" if titled else ""
    lines = (
        RowGroup(
            f"Line {number}",
            compare_fields(
                fields, Sides(now, (other or {}) if there else None, {} if sent else None, kept=())
            ),
        )
        for number, (now, other) in enumerate(_paired_lines(body, there or {}), start=1)
    )
    groups = (*group_rows(title, rows), *lines)
    return tuple(sorted(groups, key=lambda group: group.title == ONLY_AT_CONNECTIF))


def _head(body: Order) -> Order:
    return {name: value for name, value in body.items() if name not in {"products", *_TIMES_AT_CONNECTIF}}


def _sent_values(found: FoundPurchase) -> Order | None:
    recorded = found.recorded
    if recorded is None or recorded.outcome is not Outcome.SENT:
        return None
    return {"purchaseId": recorded.purchase_id, "purchaseDate": recorded.purchase_date.isoformat()}


def _paired_lines(body: Order, there: Order) -> Iterator[tuple[Order, Order | None]]:
    """Each line to send beside the line of the same product at Connectif; further lines there at the end."""
    rest = records(there.get("products"))
    for line in records(body.get("products")):
        same = next((one for one in rest if one.get("productId") == line["productId"]), None)
        rest = [one for one in rest if one is not same]
        yield line, same
    yield from (({}, one) for one in rest)


# --- history, advice and VTEX's orders


def _events(context: ExplainContext, checkout: FoundCheckout) -> Iterator[Event]:
    several = len(checkout.orders) > 1
    for order in checkout.orders:
        prefix = f"order {order['orderId']} " if several else ""
        yield from dated_events(order, {name: prefix + text for name, text in _TIMES_OF_ORDERS.items()})
    for recorded in checkout.recorded:
        yield from outcome_events(recorded, f"purchase {recorded.purchase_id}" if several else "")
        if recorded.outcome is Outcome.HELD:
            days = timedelta(days=context.settings.purchases.held_days)
            yield Event(recorded.first_seen + days, "planned: runs no longer retry it")
    for key, stored in checkout.stored.items():
        if not any(_is_repeated(stored, recorded) for recorded in checkout.recorded):
            yield from outcome_events(stored, f"order {key}" if several else "")
    for mark in checkout.marks:
        yield Event(mark.marked_at, "a run began to post it and has not recorded the answer", mark.run_key)
    for found in checkout.purchases:
        yield from dated_events(found.there or {}, _TIMES_AT_CONNECTIF)


def _is_repeated(stored: StoredOutcome, recorded: StoredPurchase) -> bool:
    """Whether the outcome of the order is the outcome of its purchase, which is shown already."""
    return stored.key in recorded.order_ids and (stored.run_key, stored.reason) == (
        recorded.run_key,
        recorded.reason,
    )


def _advise(context: ExplainContext, checkout: FoundCheckout) -> Iterator[Advice]:
    if not checkout.orders:
        yield Advice("VTEX has no order and no order group with this id")
    yield from _advise_on_outcomes(checkout, context.dag_id(_DAG))
    for found in checkout.purchases:
        yield from _advise_on_purchase(context, found)
    drops = Counter(drop for one in checkout.purchases if one.purchase for drop in one.purchase.drops)
    yield from advice_on_drops(drops)


def _advise_on_outcomes(checkout: FoundCheckout, dag_id: str) -> Iterator[Advice]:
    several = len(checkout.orders) > 1
    for key, (reason, detail) in checkout.unsent.items():
        which = f"Order {key}: " if several else ""
        stored = checkout.stored.get(key)
        yield Advice(f"{which}{explain_reason(reason, detail)}", _replay_of(stored, dag_id) if stored else "")
    for key, stored in checkout.stored.items():
        if stored.reason and key not in checkout.unsent and stored.outcome is not Outcome.SENT:
            yield Advice(explain_reason(stored.reason, stored.detail), _replay_of(stored, dag_id))


def _replay_of(stored: StoredOutcome | StoredPurchase, dag_id: str) -> str:
    key = stored.key if isinstance(stored, StoredOutcome) else stored.purchase_id
    is_open = stored.outcome in {Outcome.REJECTED, Outcome.HELD}
    return trigger_command(dag_id, mode="replay", replay=key) if is_open else ""


def _advise_on_purchase(context: ExplainContext, found: FoundPurchase) -> Iterator[Advice]:
    recorded, purchase = found.recorded, found.purchase
    if purchase and found.there and purchase.purchase_id != found.found_id:
        yield Advice(
            f"Connectif has it under {found.found_id}, but the setting purchases.purchase_id_source would "
            f"send it as {purchase.purchase_id}: the sync recognises both ids and does not send it twice"
        )
    if not purchase:
        return
    alone = trigger_command(context.dag_id(_DAG), only=purchase.order_ids[0])
    if found.there and differing_fields(_groups(context, found)):
        yield Advice("To replace the purchase, delete it at Connectif, then run the order alone", alone)
    if found.there:
        return
    if recorded is None or recorded.outcome in DONE:
        yield Advice("To send it now, run it alone", alone)
    elif recorded.reason and not recorded.order_ids:
        yield Advice(
            explain_reason(recorded.reason, recorded.detail), _replay_of(recorded, context.dag_id(_DAG))
        )


def _order_parts(context: ExplainContext, orders: list[Order]) -> tuple[Part, ...]:
    fields = FieldFormat(
        context.zone,
        instants=frozenset({"created", "authorized"}),
        is_personal=lambda name: name == "customer's address on it",
    )
    return tuple(
        Part(f"Order {order['orderId']} at VTEX", facts_of(fields, _shown_of(order))) for order in orders
    )


def _shown_of(order: Order) -> Order:
    return {
        "complete": order.get("isCompleted"),
        "status": order.get("status"),
        "origin": order.get("origin"),
        "affiliate": order.get("affiliateId") or None,
        "sales channel": order.get("salesChannel"),
        "created": order.get("creationDate"),
        "authorized": order.get("authorizedDate"),
        "value": units(value_cents(order)),
        "sellers": sorted({str(item.get("seller")) for item in order.get("items") or []}),
        "lines": len(order.get("items") or []),
        "customer's address on it": (order.get("clientProfileData") or {}).get("email"),
    }
