"""VTEX's refusals. VTEX has no common error body: each API has its own form."""

from sandbox.core.errors import VendorError


def message_error(status: int, text: str) -> VendorError:
    """The form of Master Data, the catalogue and the gateway."""
    return VendorError(status, {"Message": text})


def oms_error(status: int, text: str, code: str = "1") -> VendorError:
    """The form of the Orders API (OMS)."""
    return VendorError(status, {"error": {"code": code, "message": text, "exception": None}})


def text_error(status: int, text: str) -> VendorError:
    """The form of the legacy search: a JSON string."""
    return VendorError(status, text)


def refused_script() -> VendorError:
    """The legacy search answers a query with quotes in plain text."""
    return VendorError(400, "Bad Request! Scripts are not allowed!", media_type="text/plain")


def price_not_found(headers: dict[str, str]) -> VendorError:
    return VendorError(404, {"error": {"code": 404, "message": "Price not found"}}, headers=headers)


def order_not_found() -> VendorError:
    return oms_error(404, "Order Not Found", "OMS007")
