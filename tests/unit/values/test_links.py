"""URLs are ASCII, encoded once, and always on the shop's own domain."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.values.links import link_text_of, page_url, picture_url, product_url

DOMAIN = "www.sandbox-shop.example"


@pytest.mark.parametrize(
    ("link_text", "path"),
    [
        ("running-shoe", "running-shoe"),
        (" running shoe ", "running%20shoe"),
        ("pão-de-açúcar", "p%C3%A3o-de-a%C3%A7%C3%BAcar"),
        ("p%C3%A3o", "p%C3%A3o"),
        ("p%c3%a3o", "p%c3%a3o"),
        ("50%-off", "50%25-off"),
        ("100%", "100%25"),
        ("50%zz%41", "50%25zz%41"),
        ("what?now#1", "what%3Fnow%231"),
        ("15\"-cable-'x'", "15%22-cable-%27x%27"),
        ("a|b[c]{d}^`\\<e>", "a%7Cb%5Bc%5D%7Bd%7D%5E%60%5C%3Ce%3E"),
        ("a+b,c;d=e&f@g:h!~_.", "a+b,c;d=e&f@g:h!~_."),
        ("/running-shoe/", "running-shoe"),
        ("日本", "%E6%97%A5%E6%9C%AC"),
    ],
)
def test_product_url__encodes_characters_that_a_url_cannot_have(link_text: str, path: str) -> None:
    assert product_url(DOMAIN, link_text) == f"https://{DOMAIN}/{path}/p"
    assert product_url(DOMAIN, path) == f"https://{DOMAIN}/{path}/p"
    assert page_url(DOMAIN, f"/{path}/p?skuId=7") == f"https://{DOMAIN}/{path}/p"


@pytest.mark.parametrize(
    ("detail_url", "path"),
    [
        ("/pão de açúcar/p?skuId=7#x", "p%C3%A3o%20de%20a%C3%A7%C3%BAcar/p"),
        (" /50%-off/p ", "50%25-off/p"),
        ('/a"b/p', "a%22b/p"),
        (None, ""),
        (["/x/p"], ""),
    ],
)
def test_page_url__encodes_the_path_of_an_order_line(detail_url: object, path: str) -> None:
    assert page_url(DOMAIN, detail_url) == f"https://{DOMAIN}/{path}"


@given(st.text(max_size=20).filter(lambda text: text.encode("utf-8", "ignore").decode() == text))
def test_product_url__is_ascii_and_a_second_encoding_changes_nothing(link_text: str) -> None:
    url = product_url(DOMAIN, link_text)
    parts = urlsplit(url)
    assert url.isascii()
    assert (parts.netloc, parts.query, parts.fragment) == (DOMAIN, "", "")
    path = parts.path.removeprefix("/").removesuffix("/p")
    assert product_url(DOMAIN, path) == url
    if "%" not in link_text:
        assert unquote(path) == link_text.strip(" /")


@pytest.mark.parametrize(
    ("link", "link_text"),
    [
        ("https://shop.vtexcommercestable.com.br/running-shoe/p", "running-shoe"),
        ("http://127.0.0.1:8100/a/b/p/", "a/b"),
        ("https://shop.example/p", None),
        ("https://shop.example/shoe", None),
        ("https://[x/shoe/p", None),
        (["x"], None),
        (None, None),
    ],
)
def test_link_text_of__reads_the_text_from_the_link(link: object, link_text: str | None) -> None:
    assert link_text_of(link) == link_text


@pytest.mark.parametrize(
    ("value", "picture"),
    [
        (
            "http://cdn.example.com/ação 1.jpg?v=1&w=2",
            "https://cdn.example.com/a%C3%A7%C3%A3o%201.jpg?v=1&w=2",
        ),
        ("//cdn.example.com/a%20b.jpg", "https://cdn.example.com/a%20b.jpg"),
        ("https://cdn.example.com/50%.jpg", "https://cdn.example.com/50%25.jpg"),
        ("shoe.jpg", None),
    ],
)
def test_picture_url__is_encoded_once(value: str, picture: str | None) -> None:
    assert picture_url(value) == picture
    assert picture is None or picture_url(picture) == picture
