"""Connectif's error answers, as exceptions (guide "Custom error codes")."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


class ApiError(Exception):
    """An `HttpError`: `{"status", "title", "detail"}`, with `code` and further keys for the custom codes."""

    def __init__(self, status: int, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.extra = extra

    def body(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "title": HTTPStatus(self.status).phrase,
            "detail": self.detail,
            **self.extra,
        }


class Unprocessable(ApiError):
    """An `HttpUnprocessableEntityError`: `problems` maps the path of a property to the reason."""

    def __init__(self, problems: dict[str, str]) -> None:
        listed = [{"path": path, "reason": reason} for path, reason in problems.items()]
        super().__init__(422, "Resource contains validation errors.", validationErrors=listed)


def unknown_contact(who: str) -> ApiError:
    return ApiError(400, f"Contact {who} does not exist.", code="E0101")


def unknown_products(ids: list[str], key: str) -> ApiError:
    """E0102. `key` is how the list is spelled: the guide's table and its sample disagree."""
    return ApiError(400, f"{_products(ids)} does not exist.", code="E0102", **{key: ids})


def foreign_purchase_urls(ids: list[str], domains: list[str], key: str) -> ApiError:
    detail = f"{_products(ids)} had URL from non authorized domain."
    return ApiError(400, detail, code="E0103", allowedDomains=domains, **{key: ids})


def foreign_product_url(domains: list[str]) -> ApiError:
    return ApiError(400, "Product had URL from non authorized domain.", code="E0201", allowedDomains=domains)


def queue_full(kind: str, limit: int, code: str) -> ApiError:
    return ApiError(400, f"Limit of {limit} queued {kind} reached.", code=code)


def not_found(kind: str) -> ApiError:
    return ApiError(404, f"{kind} not found.")


def _products(ids: list[str]) -> str:
    return f"Product {', '.join(ids)}"
