"""Connectif's error answers (guide "Custom error codes")."""

from http import HTTPStatus
from typing import Any

from sandbox.core.errors import VendorError


def http_error(status: int, detail: str, **extra: Any) -> VendorError:
    """An `HttpError`: `{"status", "title", "detail"}`; custom codes add `code` and more keys."""
    title = HTTPStatus(status).phrase
    return VendorError(status, {"status": status, "title": title, "detail": detail, **extra})


def unprocessable(problems: dict[str, str]) -> VendorError:
    """An `HttpUnprocessableEntityError`: `problems` maps the path of a property to the reason."""
    errors = [{"path": path, "reason": reason} for path, reason in problems.items()]
    return http_error(422, "Resource contains validation errors.", validationErrors=errors)


def unknown_contact(key: str) -> VendorError:
    return http_error(400, f"Contact {key} does not exist.", code="E0101")


def unknown_products(ids: list[str], key: str) -> VendorError:
    """E0102. `key` is the name of the list: the guide's table and its sample spell it differently."""
    return http_error(400, f"{_products(ids)} does not exist.", code="E0102", **{key: ids})


def foreign_purchase_urls(ids: list[str], domains: list[str], key: str) -> VendorError:
    detail = f"{_products(ids)} had URL from non authorized domain."
    return http_error(400, detail, code="E0103", allowedDomains=domains, **{key: ids})


def foreign_product_url(domains: list[str]) -> VendorError:
    detail = "Product had URL from non authorized domain."
    return http_error(400, detail, code="E0201", allowedDomains=domains)


def queue_full(kind: str, limit: int, code: str) -> VendorError:
    return http_error(400, f"Limit of {limit} queued {kind} reached.", code=code)


def not_found(kind: str) -> VendorError:
    return http_error(404, f"{kind} not found.")


def _products(ids: list[str]) -> str:
    return f"Product {', '.join(ids)}"
