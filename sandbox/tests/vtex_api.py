"""A client for the tests of the simulated VTEX, with the sandbox's key, and its control plane."""

from typing import Any

import requests

KEY = {"X-VTEX-API-AppKey": "vtexappkey-sandboxshop-DEMO", "X-VTEX-API-AppToken": "sandbox-token"}
CL = "/api/dataentities/CL"
IDS = "/api/catalog_system/pvt/products/GetProductAndSkuIds"
SEARCH = "/api/catalog_system/pub/products/search"
ORDERS = "/api/oms/pvt/orders"


class VtexCaller:
    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def call(self, verb: str, path: str, **options: Any) -> requests.Response:
        headers = KEY | options.pop("headers", {})
        return self.session.request(verb, self.url + path, headers=headers, timeout=10, **options)

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> requests.Response:
        return self.call("GET", path, headers=headers or {}, params=query)

    def control(self, verb: str, path: str, body: Any = None) -> Any:
        answer = self.session.request(verb, f"{self.url}/_sandbox/{path}", json=body, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def knobs(self, **values: Any) -> None:
        self.control("POST", "knobs", values)

    def advance(self, seconds: float) -> None:
        self.control("POST", "clock", {"advance_seconds": seconds})

    def documents(self, query: str = "", rest_range: str = "resources=0-100", **more: Any) -> list[Any]:
        answer = self.get(
            f"{CL}/search", {"REST-Range": rest_range}, **({"_where": query} if query else {}), **more
        )
        assert answer.status_code == 200, answer.text
        documents: list[Any] = answer.json()
        return documents

    def place(self, id_: str, **values: Any) -> None:
        self.control("PUT", f"documents/{id_}", values)
