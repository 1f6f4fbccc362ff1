"""Make URLs of product pages and pictures.

Page URLs always have the shop's own domain, because Connectif refuses others (E0103, E0201). VTEX writes
links with the host of the API call.

A URL is ASCII (RFC 3986). Other characters are percent-encoded as UTF-8, as in browsers, so that a page has
the same URL here as in the reports of the shop's tag. Characters that are already encoded stay as they are.
Connectif's "not URL-encoded" is about the complete URL (`https%3A%2F%2F…`).
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from include.values.shapes import name

_PICTURE_ID = re.compile(r"(/ids/\d+)(?:-(?:\d+|auto)-(?:\d+|auto))?(?=[/?#.]|$)")
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_IN_A_PATH = "/%:@!$&()*+,;=~"
_IN_A_URL = _IN_A_PATH + "?#[]'"
_THUMBNAIL = r"\g<1>-300-300"


def product_url(shop_domain: str, link_text: str) -> str:
    """The page of a product by its `linkText`. All of it is path, so `?` and `#` are encoded too."""
    return f"https://{shop_domain}/{_encode(link_text.strip(' /'), _IN_A_PATH)}/p"


def page_url(shop_domain: str, detail_url: object) -> str:
    """The page of an order's line (`/shoe/p?skuId=7`), without the query; the shop's front page if the line
    has none."""
    try:
        path = urlsplit(name(detail_url)).path
    except ValueError:
        path = ""
    return f"https://{shop_domain}/{_encode(path.lstrip('/'), _IN_A_PATH)}"


def link_text_of(link: object) -> str | None:
    """The `linkText` in a product's `link` (`https://host/running-shoe/p`); None if there is none."""
    try:
        path = urlsplit(name(link)).path
    except ValueError:
        return None
    found = re.fullmatch(r"/(.+)/p/?", path)
    return found and found[1]


def _encode(text: str, keep: str) -> str:
    """The text percent-encoded, except unreserved characters, `keep`, and encoded characters."""
    return quote(_BARE_PERCENT.sub("%25", text), safe=keep)


def picture_url(value: object) -> str | None:
    """The https URL of a picture; None if the value is not a URL."""
    address = _encode(name(value), _IN_A_URL)
    address = re.sub(r"^(?:http:)?//", "https://", address, count=1, flags=re.IGNORECASE)
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme == "https" and "." in (parts.hostname or "") else None


def thumbnail_url(picture: str) -> str:
    """The picture at 300 by 300 pixels. VTEX resizes by the URL (`/ids/155489-300-300/shoe.jpg`). URLs of
    pictures on other hosts stay as they are."""
    return _PICTURE_ID.sub(_THUMBNAIL, picture, count=1)
