"""Addresses of product pages and pictures. Page links always lead to the shop's own domain, whatever host the
API was called on: Connectif refuses others (E0103, E0201), and VTEX writes links on the host that was
asked."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from include.mapping.shapes import name

_PICTURE_ID = re.compile(r"(/ids/\d+)(?:-(?:\d+|auto)-(?:\d+|auto))?(?=[/?#.]|$)")
_NOT_IN_AN_ADDRESS = re.compile(r"[\x00-\x20\x7f-\x9f<>\"\\^`{|}]")
_THUMBNAIL = r"\g<1>-300-300"


def product_url(shop_domain: str, link_text: str) -> str:
    """The page of a product, not URL-encoded, as Connectif wants it."""
    return f"https://{shop_domain}/{link_text.strip('/')}/p"


def page_url(shop_domain: str, detail_url: object) -> str:
    """The page that an order's line names (`/shoe/p?skuId=7`), without its query; the shop's front page when
    it names none."""
    try:
        path = urlsplit(name(detail_url)).path
    except ValueError:
        path = ""
    return f"https://{shop_domain}/{path.lstrip('/')}"


def picture_url(value: object) -> str | None:
    """The picture over https; None when the address is none."""
    address = _NOT_IN_AN_ADDRESS.sub(lambda found: f"%{ord(found[0]):02X}", name(value))
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
