"""Explain a product: VTEX's search, the mapping, the catalogue sent last, and Connectif."""

from __future__ import annotations

from typing import Any

import pandas as pd

from include.connectif import routes
from include.outcomes import Kind, PipelineName, Reason
from include.pipeline.explain_context import ExplainContext
from include.pipeline.explanation import (
    Explanation,
    Fact,
    Part,
    differing_fields,
    explain_reason,
    facts,
    outcome_facts,
)
from include.products.mapping import map_products, product_body, search_of, select_unpriced, without_offer
from include.products.offers import is_available
from include.products.prices import base_prices_of
from include.products.sent_catalogue import last_catalogue, rules_of
from include.run_name import readable
from include.state import StoredOutcome
from include.values.mapped import Mapped
from include.values.money import ONE, multiplier_of
from include.values.shapes import name, record, records

Product = dict[str, Any]


def explain_product(context: ExplainContext, product_id: str) -> Explanation:
    """`product_id` is the id of a product, or of a SKU if the shop sends SKUs."""
    run = context.run(PipelineName.PRODUCTS)
    snapshot, rules = last_catalogue(run), rules_of(run)
    by, value = search_of(product_id, rules)
    found = context.vtex.search_products([value], by=by) if value.isdecimal() else []
    unavailable = [record for record in without_offer(found, rules) if record[0] == product_id]
    prices = base_prices_of(context.vtex, select_unpriced(unavailable, snapshot, rules))
    mapped = map_products(found, rules, last_sent=snapshot, base_prices=prices)
    would = _row(mapped.rows, product_id)
    last = _row(snapshot, product_id)
    there = context.read_connectif(routes.READ_PRODUCT, {"product_id": product_id})
    stored = context.state.records.outcomes_of(PipelineName.PRODUCTS, [product_id]).get(product_id)
    parts = (
        Part("VTEX holds now", _product_facts(found), "catalogue search does not show it"),
        Part("would be sent", facts(would), "nothing"),
        Part("was sent last", _sent_facts(context, last), "the catalogue sent last does not have it"),
        Part("the last run's outcome", _stored_outcome(context, stored), "no run rejected it"),
        Part("Connectif holds", facts(there or {}), "no product with this id"),
    )
    decision = (_describe_next_run(mapped, product_id, last), _describe_connectif(would, there))
    is_known = bool(found or last or there or stored)
    return Explanation(Kind.PRODUCT, product_id, parts, tuple(filter(None, decision)), is_known)


def _stored_outcome(context: ExplainContext, stored: StoredOutcome | None) -> tuple[Fact, ...]:
    if stored is None:
        return ()
    texts = context.state.vendor_texts.of(PipelineName.PRODUCTS, [stored.key])
    return outcome_facts(stored, texts.get(stored.key, ""))


def _row(rows: pd.DataFrame | None, product_id: str) -> dict[str, Any]:
    """The row of a product as a record; empty if there is none."""
    if rows is None:
        return {}
    found = rows[rows["productId"] == product_id].to_dict("records")
    return {str(name): value for row in found[:1] for name, value in row.items()}


def _product_facts(found: list[Product]) -> tuple[Fact, ...]:
    if not found:
        return ()
    product = found[0]
    shown = ("productId", "productName", "brand", "linkText", "productReference", "releaseDate", "categories")
    return (*facts({name: product.get(name) for name in shown}), *_offer_facts(product))


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
    return (
        f"price {offer.get('Price')}, list price {offer.get('ListPrice')}{measure}, "
        f"{_AVAILABLE[is_available(offer)]}, {offer.get('AvailableQuantity')} in stock"
    )


def _sent_facts(context: ExplainContext, last: Product) -> tuple[Fact, ...]:
    if not last:
        return ()
    catalogue = context.state.catalogue.sent()
    when = (
        facts({"in the catalogue of the run": readable(catalogue.run_key), "sent at": catalogue.at})
        if catalogue
        else ()
    )
    return (*when, *facts(last))


def _describe_next_run(mapped: Mapped, product_id: str, last: Product) -> str:
    for outcome in mapped.outcomes.itertuples():
        if outcome.key == product_id:
            return f"It is rejected, {explain_reason(Reason(str(outcome.reason)), str(outcome.detail))}"
    if _row(mapped.rows, product_id):
        return "The next run of sync_products sends it, as shown"
    if last and last.get("withdrawn"):
        return "Search no longer shows it, and a run withdrew it (outofstock): nothing more is sent"
    if last:
        return "Search no longer shows it: the next run of sync_products sends it once more as outofstock"
    return (
        "Nothing is sent: search does not show it, and no run has sent it before. It does not exist, or is "
        "inactive, invisible, not indexed, or not in the sales channel of the connection"
    )


def _describe_connectif(would: Product, there: Product | None) -> str:
    if not would:
        return ""
    if there is None:
        return "Connectif does not have it yet"
    differing = differing_fields(product_body(would), there)
    if not differing:
        return "Connectif has the same values"
    return f"Connectif has other values: {', '.join(differing)}"
