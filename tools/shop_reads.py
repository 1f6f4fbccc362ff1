"""Reads the simulated vendors for the demo, without the sync's code.

It calls the vendors' own APIs with the demo's credentials. Only `state` is a call of the sandbox.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import requests

from include.values.address import tidy_address
from tools.sandbox_shop import SandboxShop

JSON = dict[str, Any]
PLAIN_ADDRESS = re.compile(r"[a-z0-9.]+@example\.(com|net|org)")


class ShopReads:
    """A few GETs at both vendors, for one shop of the running sandbox."""

    def __init__(self, shop: SandboxShop) -> None:
        self._vtex_url, self._connectif_url = shop.vtex, shop.connectif
        self._state_url = f"{shop.connectif_control}/state"
        self._vtex, self._connectif = requests.Session(), requests.Session()
        for session in (self._vtex, self._connectif):
            session.trust_env = False
        self._vtex.headers["X-VTEX-API-AppKey"] = shop.vtex_key
        self._vtex.headers["X-VTEX-API-AppToken"] = shop.vtex_token
        self._connectif.headers["Authorization"] = f"apiKey {shop.connectif_key}:{shop.connectif_secret}"

    def close(self) -> None:
        """Close both sessions."""
        self._vtex.close()
        self._connectif.close()

    def subscriber(self) -> JSON:
        """A customer whose opt-in at VTEX is true: `id` of the document and `email`, a plain address.

        Some simulated addresses are masked or invalid on purpose, and the sync rejects them.
        """
        found = _json(
            self._vtex.get(
                f"{self._vtex_url}/api/dataentities/CL/search",
                params={"_where": "(isNewsletterOptIn=true)", "_fields": "id,email", "_sort": "id"},
                headers={"REST-Range": "resources=0-19"},
                timeout=30,
            )
        )
        return next(customer for customer in found if PLAIN_ADDRESS.fullmatch(customer["email"] or ""))

    def opt_in(self, document_id: str) -> object:
        """`isNewsletterOptIn` of a customer's document."""
        url = f"{self._vtex_url}/api/dataentities/CL/documents/{document_id}"
        return _json(self._vtex.get(url, params={"_fields": "id,isNewsletterOptIn"}, timeout=30))[
            "isNewsletterOptIn"
        ]

    def wait_for_opt_in(self, document_id: str, wanted: bool, *, within_seconds: float = 10.0) -> object:
        """Read `opt_in` until it is `wanted`, because VTEX indexes a write late."""
        deadline = time.monotonic() + within_seconds
        while (found := self.opt_in(document_id)) is not wanted and time.monotonic() < deadline:
            time.sleep(0.2)
        return found

    def product_ids(self) -> list[str]:
        """The five lowest product ids of the catalogue's first page. VTEX does not sort it."""
        url = f"{self._vtex_url}/api/catalog_system/pvt/products/GetProductAndSkuIds"
        found = _json(self._vtex.get(url, params={"_from": 1, "_to": 250}, timeout=30))["data"]
        return sorted(found, key=int)[:5]

    def order_groups(self, window: Mapping[str, Any]) -> list[str]:
        """The first order groups of a window (`window_start`, `window_end`)."""
        first, last = (_utc(window[name]) for name in ("window_start", "window_end"))
        params: dict[str, str | int] = {
            "f_creationDate": f"creationDate:[{first} TO {last}]",
            "per_page": 30,
            "page": 1,
            "orderBy": "creationDate,asc",
        }
        answer = self._vtex.get(f"{self._vtex_url}/api/oms/pvt/orders", params=params, timeout=30)
        ids = [order["orderId"] for order in _json(answer)["list"]]
        return sorted({order_id.rsplit("-", 1)[0] for order_id in ids})[:8]

    def contact(self, email: str) -> JSON | None:
        """The contact at Connectif, or None."""
        return self._at_connectif(f"contacts/email/{quote(tidy_address(email), safe='')}")

    def product(self, product_id: str) -> JSON | None:
        """The product at Connectif, or None."""
        return self._at_connectif(f"products/product-id/{product_id}")

    def purchase(self, purchase_id: str) -> JSON | None:
        """The purchase at Connectif, or None."""
        return self._at_connectif(f"purchases/purchase-id/{purchase_id}")

    def state(self) -> JSON:
        """The sandbox's counts of Connectif: by table, `origins`, `newsletter`, …"""
        return dict(_json(self._connectif.get(self._state_url, timeout=30)))

    def _at_connectif(self, path: str) -> JSON | None:
        """GET. Waits for the next minute if the syncs used all calls of this one."""
        answer = self._connectif.get(f"{self._connectif_url}/{path}", timeout=30)
        if answer.status_code == 429:
            now = parsedate_to_datetime(answer.headers["Date"]).timestamp()
            time.sleep(max(0.0, float(answer.headers["X-RateLimit-Reset"]) - now) + 1)
            answer = self._connectif.get(f"{self._connectif_url}/{path}", timeout=30)
        return None if answer.status_code == 404 else _json(answer)


def _utc(text: str) -> str:
    """A time in the form of VTEX's order filter: UTC, milliseconds, `Z`."""
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _json(answer: requests.Response) -> Any:
    answer.raise_for_status()
    return answer.json()
