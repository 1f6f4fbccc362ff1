"""No id can change the path of a URL, even if a proxy decodes the path again."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote, urlsplit

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from include.http.route import KEY, NUMBER, TEXT, WORD, NotAnId, encode_segment

PATH_CHANGING_IDS = [
    "", ".", "..", "%2e%2e", "%2E.", "%252e%252e", "../../catalog", "a/../b", "a/./b", "/a", "a/", "a//b",
    "..\\..", "a\\..\\b", "%2f..%2f", "a%2F..%2Fb", "..%00", "a\x00b", "a\r\nb", "\x7f", "\x85", "\ud800",
    "x" * 255,
]  # fmt: skip


@pytest.mark.parametrize("value", PATH_CHANGING_IDS)
@pytest.mark.parametrize("form", [TEXT, WORD, KEY, NUMBER])
def test_encode_segment__refuses_an_id_that_changes_the_path(value: str, form: re.Pattern[str]) -> None:
    with pytest.raises(NotAnId) as refused:
        encode_segment(value, form)
    assert str(refused.value) == ""


@pytest.mark.parametrize(
    ("value", "form", "sent"),
    [
        ("ana+news/x@example.com", WORD, "ana%2Bnews%2Fx%40example.com"),
        ("a%b?c#d@example.com", WORD, "a%25b%3Fc%23d%40example.com"),
        ("1172452900788-01", WORD, "1172452900788-01"),
        ("MKT-Bestellung#12-01", WORD, "MKT-Bestellung%2312-01"),
        ("a b", TEXT, "a%20b"),
        ("...", TEXT, "..."),
        ("shop-0b3f8f0e-0f0a-11ef", KEY, "shop-0b3f8f0e-0f0a-11ef"),
        ("35", NUMBER, "35"),
    ],
)
def test_encode_segment__encodes_an_id_of_its_form(value: str, form: re.Pattern[str], sent: str) -> None:
    assert encode_segment(value, form) == sent


@pytest.mark.parametrize(
    ("value", "form"),
    [("a b", WORD), ("ana@example.com", KEY), ("a#b", KEY), ("12a", NUMBER), ("٣", NUMBER), ("-1", NUMBER)],
)
def test_encode_segment__refuses_an_id_of_another_form(value: str, form: re.Pattern[str]) -> None:
    with pytest.raises(NotAnId):
        encode_segment(value, form)


@given(st.text(alphabet=st.one_of(st.sampled_from("./\\%2eEfF5cC?#@-a1 "), st.characters()), max_size=12))
@example("..")
@example("a%2F..")
def test_encode_segment__stays_one_segment_when_sent_and_decoded_again(value: str) -> None:
    try:
        encoded = encode_segment(value)
    except NotAnId:
        return
    sent = urlsplit(
        requests.Request("GET", f"http://vendor/api/things/{encoded}/end").prepare().url or ""
    ).path
    assert sent == f"/api/things/{encoded}/end"
    decoded = str(sent)
    while (again := unquote(decoded)) != decoded:
        decoded = again
    for path in (decoded, decoded.replace("\\", "/")):
        assert posixpath.normpath(path).count("/") == path.count("/")
