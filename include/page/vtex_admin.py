"""Addresses of records in VTEX's admin, for links on pages."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from include.http.route import NUMBER, WORD, NotAnId, encode_segment
from include.outcomes import Kind
from include.state import Shop

_API_HOST = re.compile(r"([a-z0-9-]+)\.(?:vtexcommercestable\.com\.br|myvtex\.com)")
_PATHS = {Kind.ORDER: ("orders", WORD), Kind.PRODUCT: ("products", NUMBER)}
"""The path of each kind of record below `/admin/`, and the form of its id.

- Orders: `/admin/orders/{orderId}` is the correct route, says VTEX's known issue 1196298 ("The link to the
  order on the gift card page leads to a nonexistent page", help.vtex.com, read 2026-11-29).
- Products: known issue 711303 (read 2026-11-29) has the form of a new product at `/admin/products/new/`; an
  existing one has its id there. The older `/admin/Site/ProdutoForm.aspx` answers 404 in accounts with the
  new catalogue. Neither was tried with an account.
- Customers: Master Data has no address of a document that is stable or documented, so there is no link.
"""


def admin_link(shop: Shop, kind: Kind, key: str, *, keys_are_products: bool = True) -> str | None:
    """The address of an order or a product in the admin of a real VTEX account; None without one.

    The sandbox and other simulated hosts have no admin. `keys_are_products` is false if the shop sends SKUs
    as products: then only `product-35` names a product.
    """
    account = _API_HOST.fullmatch(urlsplit(shop.vtex_host).hostname or "")
    if account is None or kind not in _PATHS:
        return None
    if kind is Kind.PRODUCT and not keys_are_products:
        if not key.startswith("product-"):
            return None
        key = key.removeprefix("product-")
    path, form = _PATHS[kind]
    try:
        return f"https://{account[1]}.myvtex.com/admin/{path}/{encode_segment(key, form)}"
    except NotAnId:
        return None
