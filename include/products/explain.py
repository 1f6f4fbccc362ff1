"""A product: VTEX's search, the mapping, the catalogue that was sent last, and Connectif."""

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
from include.products.mapping import map_products, never_priced, product_body, search_of, without_offer
from include.products.offers import is_available
from include.products.prices import base_prices_of
from include.products.sent_catalogue import last_catalogue, rules_of
from include.run_name import readable
from include.state import StoredOutcome
from include.values.mapped import Mapped
from include.values.shapes import name, record, records
from include.values.weighed import ONE, multiplier_of

Product = dict[str, Any]


def explain_product(context: ExplainContext, product_id: str) -> Explanation:
    """A product id, or a SKU id where the shop sends SKUs."""
    run = context.run(PipelineName.PRODUCTS)
    snapshot, rules = last_catalogue(run), rules_of(run)
    by, value = search_of(product_id, rules)
    found = context.vtex.search_products([value], by=by) if value.isdecimal() else []
    wanting = [record for record in without_offer(found, rules) if record[0] == product_id]
    prices = base_prices_of(context.vtex, never_priced(wanting, snapshot, rules))
    mapped = map_products(found, rules, last_sent=snapshot, base_prices=prices)
    would = _row(mapped.rows, product_id)
    last = _row(snapshot, product_id)
    there = context.read_connectif(routes.READ_PRODUCT, {"product_id": product_id})
    stored = context.state.outcomes_of(PipelineName.PRODUCTS, [product_id]).get(product_id)
    parts = (
        Part("VTEX holds now", _at_vtex(found), "catalogue search does not show it"),
        Part("would be sent", facts(would), "nothing"),
        Part("was sent last", _sent(context, last), "no catalogue that was sent holds it"),
        Part("the last run's outcome", _outcome(context, stored), "no run had to refuse it"),
        Part("Connectif holds", facts(there or {}), "no product with this id"),
    )
    decision = (_on_now(mapped, product_id, last), _on_connectif(would, there))
    is_known = bool(found or last or there or stored)
    return Explanation(Kind.PRODUCT, product_id, parts, tuple(filter(None, decision)), is_known)


def _outcome(context: ExplainContext, stored: StoredOutcome | None) -> tuple[Fact, ...]:
    if stored is None:
        return ()
    said = context.state.vendor_texts(PipelineName.PRODUCTS, [stored.key])
    return outcome_facts(stored, said.get(stored.key, ""))


def _row(rows: pd.DataFrame | None, product_id: str) -> dict[str, Any]:
    """The row of a product as a record; empty when there is none."""
    if rows is None:
        return {}
    alike = rows[rows["productId"] == product_id]
    return {str(name): value for row in alike.to_dict("records")[:1] for name, value in row.items()}


def _at_vtex(found: list[Product]) -> tuple[Fact, ...]:
    if not found:
        return ()
    product = found[0]
    told = ("productId", "productName", "brand", "linkText", "productReference", "releaseDate", "categories")
    return (*facts({name: product.get(name) for name in told}), *_offers(product))


def _offers(product: Product) -> tuple[Fact, ...]:
    """Every seller's offer, as the choice is made among them."""
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


def _sent(context: ExplainContext, last: Product) -> tuple[Fact, ...]:
    if not last:
        return ()
    catalogue = context.state.catalogue_sent()
    when = (
        facts({"in the catalogue of the run": readable(catalogue.run_key), "sent at": catalogue.at})
        if catalogue
        else ()
    )
    return (*when, *facts(last))


def _on_now(mapped: Mapped, product_id: str, last: Product) -> str:
    for outcome in mapped.outcomes.itertuples():
        if outcome.key == product_id:
            return f"It is rejected as {explain_reason(Reason(str(outcome.reason)), str(outcome.detail))}"
    if _row(mapped.rows, product_id):
        return "It goes with the next run of sync_products, as shown"
    if last and last.get("withdrawn"):
        return "Search does not show it any more, and it was withdrawn (outofstock): nothing more is sent"
    if last:
        return (
            "Search does not show it any more: the next run of sync_products sends it once more as outofstock"
        )
    return (
        "Nothing is sent: search does not show it (not there, inactive, invisible, not indexed, or not in "
        "the sales channel of the connection), and no run has sent it before"
    )


def _on_connectif(would: Product, there: Product | None) -> str:
    if not would:
        return ""
    if there is None:
        return "Connectif does not have it yet"
    other = differing_fields(product_body(would), there)
    return f"At Connectif other: {', '.join(other)}" if other else "Connectif has the same values"
