"""Every id that becomes part of an address, in both clients: it is one segment, or no call is made."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType
from urllib.parse import unquote

import pytest

from include.connectif import routes as connectif_routes
from include.http.route import KEY, NUMBER, WORD, NotAnId, Route, encode_segment
from include.vtex import routes as vtex_routes

HOSTILE = [
    *("", ".", "..", "/", "../x", "a/../b", "a/./b", "..\\x", "//evil.example/x", "..%2f..%2f", "%2e%2e"),
    *("%252e%252e%252f", "%00", "a\x00b", "a\nb", "a\r\nHost: x", "\ud800", "x" * 255),
]
ODD = ["a?b=1", "a#b", "a;b=1", "100%", "ana/x@example.com", "@evil.example", "ñ💌", "..;", "...", "%41"]
FORMS = {
    "READ_CLIENT": WORD,
    "PATCH_CLIENT": WORD,
    "PRICE": NUMBER,
    "READ_ORDER": WORD,
    "READ_ORDER_GROUP": WORD,
    "READ_IMPORT": KEY,
    "READ_EXPORT": KEY,
    "READ_CONTACT": WORD,
    "PATCH_CONTACT": WORD,
}
"""Ids with a form that is narrower than a line of text. An id that the shop chose may be any line."""


def routes(module: ModuleType) -> Iterator[tuple[str, Route]]:
    return ((name, one) for name, one in vars(module).items() if isinstance(one, Route) and "{" in one.path)


ALL = dict([*routes(vtex_routes), *routes(connectif_routes)])


def test_routes__are_all_listed_here_with_their_forms() -> None:
    assert len(ALL) == 12
    assert FORMS.keys() <= ALL.keys()
    assert {name: ALL[name].id_form for name in FORMS} == FORMS
    assert all(len(re.findall(r"{\w+}", route.path)) == 1 for route in ALL.values())


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("id_", HOSTILE)
def test_id__with_a_path_is_in_no_address(name: str, id_: str) -> None:
    with pytest.raises(NotAnId):
        encode_segment(id_, ALL[name].id_form)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("id_", ODD)
def test_id__with_odd_characters_is_one_encoded_segment_or_in_no_address(name: str, id_: str) -> None:
    try:
        sent = encode_segment(id_, ALL[name].id_form)
    except NotAnId:
        assert not ALL[name].id_form.fullmatch(id_)
        return
    assert unquote(sent) == id_
    assert not re.search(r"[/?#\\;@\s]", sent)
