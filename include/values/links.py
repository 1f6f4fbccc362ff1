"""Addresses of product pages and pictures. Page links always lead to the shop's own domain, whatever host the
API was called on: Connectif refuses others (E0103, E0201), and VTEX writes links on the host that was
asked.

An address is ASCII (RFC 3986): what it cannot hold is percent-encoded as UTF-8, as browsers send it, so
that a page's address here is the one that the shop's tag reports. Connectif's "not URL-encoded" is about
the address as a whole (`https%3A%2F%2F…`). What is encoded already stays as it is.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from include.values.shapes import name

_PICTURE_ID = re.compile(r"(/ids/\d+)(?:-(?:\d+|auto)-(?:\d+|auto))?(?=[/?#.]|$)")
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_IN_A_PATH = "/%:@!$&()*+,;=~"
_IN_AN_ADDRESS = _IN_A_PATH + "?#[]'"
_THUMBNAIL = r"\g<1>-300-300"


def product_url(shop_domain: str, link_text: str) -> str:
    """The page of a product by its `linkText`, of which all is path: `?` and `#` are encoded too."""
    return f"https://{shop_domain}/{_encoded(link_text.strip(' /'), _IN_A_PATH)}/p"


def page_url(shop_domain: str, detail_url: object) -> str:
    """The page that an order's line names (`/shoe/p?skuId=7`), without its query; the shop's front page when
    it names none."""
    try:
        path = urlsplit(name(detail_url)).path
    except ValueError:
        path = ""
    return f"https://{shop_domain}/{_encoded(path.lstrip('/'), _IN_A_PATH)}"


def link_text_of(link: object) -> str | None:
    """The `linkText` that a product's `link` holds (`https://host/running-shoe/p`); None when it holds
    none."""
    try:
        path = urlsplit(name(link)).path
    except ValueError:
        return None
    found = re.fullmatch(r"/(.+)/p/?", path)
    return found and found[1]


def _encoded(text: str, keep: str) -> str:
    """Percent-encoded but for unreserved characters, `keep`, and what is encoded already."""
    return quote(_BARE_PERCENT.sub("%25", text), safe=keep)


def picture_url(value: object) -> str | None:
    """The picture over https; None when the address is none."""
    address = _encoded(name(value), _IN_AN_ADDRESS)
    address = re.sub(r"^(?:http:)?//", "https://", address, count=1, flags=re.IGNORECASE)
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme == "https" and "." in (parts.hostname or "") else None


def thumbnail_url(picture: str) -> str:
    """The picture at 300 by 300. VTEX resizes by the address (`/ids/155489-300-300/shoe.jpg`); a picture kept
    elsewhere is sent as it is."""
    return _PICTURE_ID.sub(_THUMBNAIL, picture, count=1)
