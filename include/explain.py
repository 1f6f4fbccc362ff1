"""Explain one record: which kind it is, and the pipeline that explains it."""

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
"""Nothing that means something in Master Data's filter, where the address goes: a bracket, a wildcard."""
_FORMS = {Kind.CUSTOMER: KEY, Kind.PRODUCT: WORD, Kind.ORDER: WORD}
"""As the routes have them that the record is read by."""
_WRONG = "explain: give one e-mail, customer document id, product id or order id, without spaces"


def explain(context: ExplainContext, record: str, *, among: Collection[Kind] = tuple(Kind)) -> Explanation:
    """The record by its e-mail, document id, product id, order id or order group, as a kind `among` these.

    It is looked for as what its form says first; NotARecord for what can be none of these.
    """
    record = record.strip()
    kinds = _asked_for(record, among)
    tried = []
    for kind in kinds:
        tried.append(_explain_as(kind, context, record))
        if tried[-1].is_known:
            return tried[-1]
    return tried[0]


def _explain_as(kind: Kind, context: ExplainContext, record: str) -> Explanation:
    return _PIPELINE_OF[kind].code().explain(context, record)


def _asked_for(record: str, among: Collection[Kind]) -> list[Kind]:
    """The kinds to look among, at least one."""
    fitting = [kind for kind in kinds_of(record) if _fits(record, kind)]
    if not fitting:
        raise NotARecord(_WRONG)
    asked = tuple(among) if len(among) == 1 else fitting
    if not (kinds := [kind for kind in asked if kind in among and _fits(record, kind)]):
        raise NotARecord("explain: by its form this is of a kind that was not asked for, or may not be")
    return kinds


def _fits(record: str, kind: Kind) -> bool:
    """Whether it can be a record of that kind: it becomes a part of an address or of a filter."""
    if kind is Kind.CUSTOMER and "@" in record and not _ADDRESS.fullmatch(record):
        return False
    try:
        encode_segment(record, WORD if "@" in record else _FORMS[kind])
    except NotAnId:
        return False
    return True


def kinds_of(record: str) -> tuple[Kind, ...]:
    """The kinds that a record may be, the likeliest first: VTEX numbers products, and order groups as well,
    with more digits."""
    if "@" in record or _DOCUMENT.fullmatch(record):
        return (Kind.CUSTOMER,)
    if record.isdecimal():
        return (Kind.ORDER, Kind.PRODUCT) if len(record) > 9 else (Kind.PRODUCT, Kind.ORDER)
    if _ORDER.fullmatch(record):
        return (Kind.ORDER, Kind.CUSTOMER)
    return (Kind.ORDER, Kind.CUSTOMER, Kind.PRODUCT)
