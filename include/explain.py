"""Find the kind of a record by the form of its id, and explain it with the pipeline of that kind."""

from __future__ import annotations

import re
from collections.abc import Collection

from include.errors import NotARecord
from include.http.route import KEY, WORD, NotAnId, encode_segment
from include.outcomes import Kind
from include.pipeline.explain_context import ExplainContext
from include.pipeline.explanation import Explanation
from include.pipelines import DAILY_PIPELINES

_PIPELINE_OF = {pipeline.kind: pipeline for pipeline in DAILY_PIPELINES.values()}
_DOCUMENT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ORDER = re.compile(r".*-\d{2}")
_ADDRESS = re.compile(r"[^\s@()<>\[\]\\,;:\"*]+@[^\s@()<>\[\]\\,;:\"*]+")
"""No character with a meaning in Master Data's filter, such as a bracket or a wildcard."""
_FORMS = {Kind.CUSTOMER: KEY, Kind.PRODUCT: WORD, Kind.ORDER: WORD}
"""The forms that the routes of the records require."""
_WRONG = "explain: give one e-mail, customer document id, product id or order id, without spaces"


def explain(context: ExplainContext, record: str, *, among: Collection[Kind] = tuple(Kind)) -> Explanation:
    """Explain a record by its e-mail, document id, product id, order id or order group.

    The kinds in `among` are tried in the order that the form of the id suggests. NotARecord if the form fits
    none of them.
    """
    record = record.strip()
    kinds = _kinds_to_try(record, among)
    tried = []
    for kind in kinds:
        tried.append(_explain_as(kind, context, record))
        if tried[-1].is_known:
            return tried[-1]
    return tried[0]


def _explain_as(kind: Kind, context: ExplainContext, record: str) -> Explanation:
    return _PIPELINE_OF[kind].code().explain(context, record)


def _kinds_to_try(record: str, among: Collection[Kind]) -> list[Kind]:
    """The kinds to try, at least one."""
    fitting = [kind for kind in kinds_of(record) if _fits(record, kind)]
    if not fitting:
        raise NotARecord(_WRONG)
    candidates = tuple(among) if len(among) == 1 else fitting
    if not (kinds := [kind for kind in candidates if kind in among and _fits(record, kind)]):
        raise NotARecord(
            "explain: the form of this id belongs to a kind that you did not choose, or may not look up"
        )
    return kinds


def other_kinds(record: str, found: Kind, among: Collection[Kind]) -> tuple[Kind, ...]:
    """The further kinds that a record with this id may have."""
    record = record.strip()
    return tuple(
        kind for kind in kinds_of(record) if kind in among and kind is not found and _fits(record, kind)
    )


def _fits(record: str, kind: Kind) -> bool:
    """Whether the text can be an id of that kind. It becomes part of an address or of a filter."""
    if kind is Kind.CUSTOMER and "@" in record and not _ADDRESS.fullmatch(record):
        return False
    try:
        encode_segment(record, WORD if "@" in record else _FORMS[kind])
    except NotAnId:
        return False
    return True


def kinds_of(record: str) -> tuple[Kind, ...]:
    """The possible kinds of a record, the likeliest first. VTEX numbers products and order groups; an order
    group has more digits."""
    if "@" in record or _DOCUMENT.fullmatch(record):
        return (Kind.CUSTOMER,)
    if record.isdecimal():
        return (Kind.ORDER, Kind.PRODUCT) if len(record) > 9 else (Kind.PRODUCT, Kind.ORDER)
    if _ORDER.fullmatch(record):
        return (Kind.ORDER, Kind.CUSTOMER)
    return (Kind.ORDER, Kind.CUSTOMER, Kind.PRODUCT)
