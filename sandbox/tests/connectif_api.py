"""A client for the tests of the simulated Connectif.

If `VENDOR_CONTRACTS` names the vendor's OpenAPI document, the client checks every documented answer.
"""

from __future__ import annotations

import io
import os
import re
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import requests
import yaml
from openapi_schema_validator import OAS31Validator

from sandbox.connectif.knobs import ConnectifKnobs
from sandbox.connectif.vendor import Connectif
from sandbox.core.app import vendor_app
from sandbox.core.clock import Clock
from sandbox.core.server import Server
from sandbox.shop import ShopData, Sizes

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = "apiKey sandbox-key-id:sandbox-key-secret"
SHOP = "https://www.sandbox-shop.example"
CONTRACTS = os.environ.get("VENDOR_CONTRACTS")
SHOP_DATA = ShopData(seed=7, now=NOON, sizes=Sizes(contacts=100, products=20, orders_per_day=20, days=3))


class ConnectifCaller:
    """The account over HTTP, with a frozen clock. The rate limit is off unless a test sets it."""

    def __init__(self, vendor: Connectif, server: Server, clock: Clock) -> None:
        self.vendor, self.url, self.clock, self.shop = vendor, server.url, clock, SHOP_DATA
        self._session = requests.Session()

    def send(
        self, method: str, path: str, *, key: str = KEY, documented: bool = True, **more: Any
    ) -> requests.Response:
        """`documented=False`: a knob or a fault makes an answer that is not in the document."""
        headers = {"Authorization": key, **more.pop("headers", {})}
        answer = self._session.request(method, self.url + path, headers=headers, timeout=20, **more)
        if CONTRACTS and documented:
            check(answer, path)
        return answer

    def get(self, path: str) -> Any:
        return self.send("GET", path).json()

    def control(self, method: str, path: str, **more: Any) -> Any:
        answer = self._session.request(method, f"{self.url}/_sandbox{path}", timeout=20, **more)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def knobs(self, **values: Any) -> None:
        self.control("POST", "/knobs", json=values)

    def reset(self) -> None:
        """The seeded account at noon, without a rate limit."""
        self.clock.set(NOON)
        self.control("POST", "/reset")
        self.knobs(rate_limit=0)

    def put_product(self, product_id: str = "p1") -> None:
        body = {"name": "Chaleira", "productDetailUrl": f"{SHOP}/chaleira/p", "unitPrice": 10}
        assert self.send("PATCH", f"/products/product-id/{product_id}", json=body).ok

    def put_contact(self, email: str = "ana@example.com", **values: Any) -> None:
        assert self.send("PATCH", f"/contacts/email/{email}", json=values).ok

    def upload(self, text: str | bytes, type_: str = "contacts", **changes: str) -> requests.Response:
        return self.post_import(text, {"type": type_, **changes})

    def post_import(
        self, text: str | bytes, changes: dict[str, str], *, documented: bool = True
    ) -> requests.Response:
        form = {"type": "contacts", "overrideExisting": "true", "updateOnlyEmptyFields": "false"}
        content = text.encode() if isinstance(text, str) else text
        return self.send(
            "POST",
            "/imports/",
            documented=documented,
            data=form | {"delimiter": ","} | changes,
            files={"file": ("rows.csv", io.BytesIO(content), "text/csv")},
        )

    def run_import(self, text: str | bytes, type_: str = "contacts", **changes: str) -> dict[str, Any]:
        """Uploads a file and returns the import after its end."""
        answer = self.upload(text, type_, **changes)
        assert answer.status_code == 201, answer.text
        return self.wait_for_end("imports", answer.json()["id"])

    def wait_for_end(self, kind: str, connectif_id: str) -> dict[str, Any]:
        job: dict[str, Any] = wait_until(
            lambda: self.get(f"/{kind}/{connectif_id}"), lambda job: job["status"] in ("finished", "error")
        )
        return job

    def error_rows(self, job: dict[str, Any]) -> list[str]:
        return requests.get(job["errorReportFileUrl"], timeout=5).text.splitlines()

    def run_export(self, **request: Any) -> list[list[str]]:
        """Creates an export and returns the lines of each file."""
        body = {"delimiter": ",", "dateFormat": "ISO", **request}
        created = self.send("POST", "/exports/", json=body)
        assert created.status_code == 201, created.text
        url = self.wait_for_end("exports", created.json()["id"])["fileUrl"]
        archive = zipfile.ZipFile(io.BytesIO(requests.get(url, timeout=5).content))
        return [archive.read(name).decode().splitlines() for name in archive.namelist()]


def start(
    knobs: ConnectifKnobs | None = None, window_seconds: float = 60.0
) -> tuple[Connectif, Server, Clock]:
    clock = Clock(NOON)
    clock.freeze()
    vendor = Connectif(SHOP_DATA, clock, knobs=knobs, window_seconds=window_seconds)
    return vendor, Server(vendor_app(vendor, clock)), clock


def wait_until(read: Callable[[], Any], is_ready: Callable[[Any], bool], seconds: float = 10) -> Any:
    """Reads until the value is ready, and returns it. Fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while not is_ready(value := read()):
        assert time.monotonic() < deadline, f"not ready after {seconds} seconds: {value}"
        time.sleep(0.005)
    return value


def purchase(**changes: Any) -> dict[str, Any]:
    line = {
        "productId": "p1", "name": "Chaleira", "productDetailUrl": f"{SHOP}/chaleira/p", "unitPrice": 10,
        "quantity": 2, "price": 20,
    }  # fmt: skip
    body = {
        "purchaseId": "1001", "cartId": "cart-1", "contactEmail": "ana@example.com",
        "purchaseDate": "2026-11-20T14:03:11Z", "totalPrice": 25.5, "totalQuantity": 2, "products": [line],
    }  # fmt: skip
    return body | changes


# --- the OpenAPI document


@cache
def contract() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((Path(CONTRACTS or "") / "connectif.openapi.yaml").read_text())
    return document


def check(answer: requests.Response, path: str) -> None:
    """Fails if the document has the path but not the answer's status, body or headers."""
    operation = _operation(str(answer.request.method).lower(), path.partition("?")[0])
    if operation is None:
        return
    assert str(answer.status_code) in operation["responses"], (
        f"{path}: {answer.status_code} is not documented"
    )
    response = operation["responses"][str(answer.status_code)]
    if "$ref" in response:
        response = contract()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    for media_type, content in response.get("content", {}).items():
        assert answer.headers["Content-Type"] == media_type
        schema = {**content["schema"], "components": contract()["components"]}
        OAS31Validator(schema).validate(answer.json())
    for header in response.get("headers", {}):
        assert header in answer.headers


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for template, operations in sorted(contract()["paths"].items(), key=lambda item: "{" in item[0]):
        pattern = re.sub(r"\{\w+\}", "[^/]+", template.rstrip("/")) + "/?"
        if re.fullmatch(pattern, path) and method in operations:
            operation: dict[str, Any] = operations[method]
            return operation
    return None
