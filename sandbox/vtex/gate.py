"""The checks before every handler: key and rights, rate limit, query parameters.

VTEX checks behind the faults: the answer of a fault costs no call of the rate limit.
"""

from starlette.requests import Request

from sandbox.core.endpoints import Call, Endpoint
from sandbox.core.errors import VendorError
from sandbox.core.vendor import Key
from sandbox.vtex.errors import message_error, oms_error
from sandbox.vtex.knobs import VtexKnobs
from sandbox.vtex.rate_limit import VtexRateLimit


class VtexGate:
    def __init__(self, keys: list[Key], knobs: VtexKnobs, rate_limit: VtexRateLimit) -> None:
        self._keys, self._knobs, self._rate_limit = keys, knobs, rate_limit

    async def admit(self, request: Request, endpoint: Endpoint) -> Call:
        key = None if endpoint.rights is None else self._check_key(request, endpoint.rights)
        headers = self._rate_limit.take(*self._bucket(endpoint.name))
        self._check_parameters(request, endpoint)
        return Call(request, key, await request.body(), answer_headers=headers)

    def _check_key(self, request: Request, rights: tuple[str, ...]) -> Key:
        app_key, token = (request.headers.get(f"X-VTEX-API-App{name}") for name in ("Key", "Token"))
        key = next((one for one in self._keys if one.id == app_key and one.secret == token), None)
        if key is None:
            raise VendorError(401)
        if not key.may(*rights):
            text = "Unauthorized" if "/dataentities/" in request.url.path else "Access denied"
            raise message_error(403, text)
        return key

    def _bucket(self, name: str) -> tuple[str, int]:
        knobs = self._knobs
        if name.startswith("md "):
            return "master data", knobs.rate_master_data
        return {
            "product search": ("search", knobs.rate_search),
            "price": ("pricing", knobs.rate_pricing),
            "order list": ("order list", knobs.rate_order_list),
            "order detail": ("order detail", knobs.rate_order_detail),
            "order group": ("order detail", knobs.rate_order_detail),
        }.get(name, (name, knobs.rate_catalog))

    def _check_parameters(self, request: Request, endpoint: Endpoint) -> None:
        unknown = sorted(request.query_params.keys() - endpoint.parameters)
        if unknown and self._knobs.strict_parameters:
            text = f"The sandbox does not know these parameters of '{endpoint.name}': {', '.join(unknown)}"
            form = oms_error if endpoint.name.startswith("order") else message_error
            raise form(400, text)
