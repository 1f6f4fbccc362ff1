"""Explain a product: VTEX's search, the mapping, the catalogue sent last, and Connectif."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from include.connectif import routes
from include.outcomes import Kind, Outcome, PipelineName, Reason
from include.pipeline.explain_context import ExplainContext
from include.pipeline.explain_history import Event, dated_events, outcome_events, timeline
from include.pipeline.explain_sentences import (
    conclude,
    conclude_present,
    conclude_unsent,
    is_refusal,
    meaning_of,
    sent_by,
)
from include.pipeline.explain_table import Sides, compare_fields, differing_fields, group_rows
from include.pipeline.explain_values import FieldFormat, format_value
from include.pipeline.explanation import (
    Advice,
    Comparison,
    Conclusion,
    Explanation,
    Fact,
    Part,
    Presence,
    explain_reason,
    facts_of,
    trigger_command,
    vendor_text_parts,
)
from include.products.mapping import (
    PRODUCT_COLUMNS,
    map_products,
    product_body,
    search_of,
    select_unpriced,
    without_offer,
)
from include.products.offers import is_available
from include.products.prices import base_prices_of
from include.products.sent_catalogue import last_catalogue, rules_of
from include.state import StoredOutcome
from include.state.catalogue import SentCatalogue
from include.values.money import ONE, multiplier_of
from include.values.shapes import name, record, records

Product = dict[str, Any]

_DAG = "sync_products"
_TIMES = {"createdAt": "created at Connectif", "updatedAt": "last changed at Connectif"}
_HIDDEN = "VTEX's search no longer shows it"
_NOT_FOUND = (
    "VTEX's search does not show it: it does not exist, or is inactive, invisible, not indexed, or not in "
    "the sales channel of the connection"
)


@dataclass(frozen=True)
class _Product:
    """What both systems and the state store have. Empty and None: they do not have it."""

    found: list[Product]
    row: Product
    refusal: tuple[Reason, str] | None
    last: Product
    catalogue: SentCatalogue | None
    there: Product | None
    stored: StoredOutcome | None


def explain_product(context: ExplainContext, product_id: str) -> Explanation:
    """`product_id` is the id of a product, or of a SKU if the shop sends SKUs."""
    product = _read_product(context, product_id)
    comparison = _compare(context, product)
    differing = differing_fields(comparison.groups)
    stored = product.stored
    texts = context.state.vendor_texts.of(PipelineName.PRODUCTS, [product_id])
    return Explanation(
        Kind.PRODUCT,
        product_id,
        is_known=bool(product.found or product.last or product.there or stored),
        zone=context.zone,
        conclusion=_conclude(context, product, differing),
        comparison=comparison,
        history=timeline(_events(product)),
        advice=tuple(_advise(product, product_id, context.dag_id(_DAG))),
        parts=(*_parts(context, product.found), *vendor_text_parts(texts.values())),
    )


def _read_product(context: ExplainContext, product_id: str) -> _Product:
    run = context.run(PipelineName.PRODUCTS)
    snapshot, rules = last_catalogue(run), rules_of(run)
    by, value = search_of(product_id, rules)
    found = context.vtex.search_products([value], by=by) if value.isdecimal() else []
    unavailable = [one for one in without_offer(found, rules) if one[0] == product_id]
    prices = base_prices_of(context.vtex, select_unpriced(unavailable, snapshot, rules))
    mapped = map_products(found, rules, last_sent=snapshot, base_prices=prices)
    refusals = (one for one in mapped.outcomes.itertuples() if one.key == product_id)
    return _Product(
        found,
        _row(mapped.rows, product_id),
        next(((Reason(str(one.reason)), str(one.detail)) for one in refusals), None),
        _row(snapshot, product_id),
        context.state.catalogue.sent(),
        context.read_connectif(routes.READ_PRODUCT, {"product_id": product_id}),
        context.state.records.outcomes_of(PipelineName.PRODUCTS, [product_id]).get(product_id),
    )


def _row(rows: pd.DataFrame | None, product_id: str) -> Product:
    """The row of a product as a record; empty if there is none."""
    if rows is None:
        return {}
    found = rows[rows["productId"] == product_id].to_dict("records")
    return {str(name): value for row in found[:1] for name, value in row.items()}


def _compare(context: ExplainContext, product: _Product) -> Comparison:
    there = product.there and {field: value for field, value in product.there.items() if field not in _TIMES}
    rows = compare_fields(
        FieldFormat(context.zone, instants=frozenset({"publishedAt"})),
        Sides(_values(product.row), there, _values(product.last) if product.last else None),
    )
    catalogue = product.catalogue
    note = "The catalogue that was sent last does not have it" if catalogue else "No catalogue was sent yet"
    if product.last and catalogue:
        note = "Sent last: its values in the catalogue that was sent last"
    return Comparison(group_rows("", rows), bool(product.last), note)


def _values(row: Product) -> Product:
    """The fields of a row with the types of Connectif's answer; a blank clears the field."""
    blank = {field: value for field, value in row.items() if value == "" and field in PRODUCT_COLUMNS}
    given = product_body(row) | blank
    ids = {"productId": row["productId"]} if row else {}
    return ids | {field: given[field] for field in PRODUCT_COLUMNS if field in given}


def _conclude(context: ExplainContext, product: _Product, differing: list[str]) -> Conclusion:
    if product.refusal:
        return conclude_unsent(*product.refusal, is_there=product.there is not None)
    if not product.row:
        return _conclude_hidden(product)
    if product.there is None:
        return _conclude_missing(context, product)
    catalogue = product.catalogue
    origin = "with the same values as VTEX"
    if catalogue and _was_sent(product):
        origin = sent_by(catalogue.run_key, catalogue.at, context.now(), context.zone)
    return conclude_present(differing, origin, _refused(product) or "the next run sends it")


def _was_sent(product: _Product) -> bool:
    """Whether the run of the last catalogue sent it. The catalogue also keeps products that it left out."""
    is_open = product.stored is not None and product.stored.outcome is not Outcome.SENT
    return bool(product.last) and not product.last.get("withdrawn") and not is_open


def _refused(product: _Product) -> str:
    """What Connectif said of the last values, if it refused them."""
    if product.stored is None or product.stored.reason is None or not is_refusal(product.stored.reason):
        return ""
    return f"the last values were {meaning_of(product.stored.reason, product.stored.detail)}"


def _conclude_missing(context: ExplainContext, product: _Product) -> Conclusion:
    stored = product.stored
    if stored and stored.reason and is_refusal(stored.reason):
        return conclude_unsent(stored.reason, stored.detail)
    if product.last and product.catalogue:
        sent = sent_by(product.catalogue.run_key, product.catalogue.at, context.now(), context.zone)
        return conclude(Presence.MISSING, f"Not in Connectif, although {sent}", "the next run sends it again")
    return conclude(Presence.MISSING, "Not in Connectif", "the next run sends it")


def _conclude_hidden(product: _Product) -> Conclusion:
    is_withdrawn = bool(product.last.get("withdrawn"))
    if product.there is None:
        if product.last:
            return conclude(Presence.MISSING, f"Not in Connectif: {_HIDDEN}")
        return conclude(Presence.UNKNOWN, "Not in VTEX's search and not in Connectif")
    if is_withdrawn:
        return conclude(Presence.IN, f"In Connectif as out of stock, because {_HIDDEN}")
    if product.last:
        return conclude(
            Presence.DIFFERS, f"In Connectif, but {_HIDDEN}", "the next run sends it as out of stock"
        )
    return conclude(Presence.DIFFERS, "In Connectif, but not in VTEX's search", "no run has sent it")


def _advise(product: _Product, product_id: str, dag_id: str) -> Iterator[Advice]:
    stored, is_refused = product.stored, bool(_refused(product))
    if product.refusal:
        yield Advice(explain_reason(*product.refusal))
    elif stored and stored.reason and (is_refused or not product.row):
        replay = trigger_command(dag_id, mode="replay", replay=product_id) if is_refused else ""
        yield Advice(explain_reason(stored.reason, stored.detail), replay)
    elif product.row and product.there is None:
        yield Advice("To send it now, run it alone", trigger_command(dag_id, only=product_id))
    if not product.row and not product.refusal:
        yield Advice(_NOT_FOUND)


def _events(product: _Product) -> Iterator[Event]:
    if product.last and product.catalogue:
        text = "sent to Connectif" if _was_sent(product) else "kept in the catalogue, not sent by this run"
        yield Event(product.catalogue.at, text, product.catalogue.run_key)
    if product.stored:
        yield from outcome_events(product.stored)
    yield from dated_events(product.there or {}, _TIMES)


def _parts(context: ExplainContext, found: list[Product]) -> tuple[Part, ...]:
    if not found:
        return ()
    product = found[0]
    shown = ("productId", "productName", "brand", "linkText", "productReference", "releaseDate", "categories")
    fields = FieldFormat(context.zone, instants=frozenset({"releaseDate"}))
    facts = facts_of(fields, {name: product.get(name) for name in shown})
    return (Part("Product at VTEX", facts), Part("Offers at VTEX", _offer_facts(product)))


def _offer_facts(product: Product) -> tuple[Fact, ...]:
    """The offers of all sellers."""
    return tuple(
        Fact(f"SKU {item.get('itemId')}, seller {seller.get('sellerId')}", _terms(item, seller))
        for item in records(product.get("items"))
        for seller in records(item.get("sellers"))
    )


_AVAILABLE = {True: "available", False: "not available", None: "availability cannot be read"}


def _terms(item: Product, seller: Product) -> str:
    offer, multiplier = record(seller.get("commertialOffer")), multiplier_of(item.get("unitMultiplier"))
    measure = (
        "" if multiplier == ONE else f" for 1 {name(item.get('measurementUnit'))}, a unit is {multiplier}"
    )
    price, list_price = (format_value(offer.get(name)) for name in ("Price", "ListPrice"))
    return (
        f"price {price}, list price {list_price}{measure}, "
        f"{_AVAILABLE[is_available(offer)]}, {offer.get('AvailableQuantity')} in stock"
    )
