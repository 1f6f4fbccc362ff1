"""A form of ours cannot be sent by another site: it carries a token that only this session's pages know."""

from __future__ import annotations

import hashlib
import hmac

from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from starlette.requests import Request

FIELD = "form_token"


def form_token(request: Request) -> str:
    """Made of the session's cookie, which no script and no other site can read: every api-server process
    comes to the same one, without a key of its own."""
    session = request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")
    return hmac.new(session.encode(), FIELD.encode(), hashlib.sha256).hexdigest()


def is_our_form(request: Request, token: str) -> bool:
    """Whether the token is this session's. A call with a bearer token of Airflow's API needs none: no site
    can make a browser send one."""
    if request.headers.get("authorization", "").lower().startswith("bearer "):
        return True
    return hmac.compare_digest(token.encode("utf-8", "replace"), form_token(request).encode())
