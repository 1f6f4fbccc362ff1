"""Refuses runs and back-fills of our DAGs with wrong parameters, before Airflow's API creates them.

Airflow checks each declared parameter by its schema, and answers with the schema and the value. It accepts
every other key of conf (`SerializedParamsDict.deep_merge`, Airflow 3.3.2). Only a middleware in front of the
API can answer 400 in words.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

from plugins.web.request_body import path_of_post, read_body, refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_RUN = re.compile(r"/api/v2/dags/(?P<dag_id>[^/]+)/dagRuns/?")
_BACKFILL = re.compile(r"/api/v2/backfills(?:/dry_run)?/?")


class TriggerCheck:
    """ASGI middleware for the whole api-server. It reads only the POSTs that create runs and back-fills.

    A body of more than 4 MB passes unchecked here: the tasks check conf, too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = path_of_post(scope)
        if not (_RUN.fullmatch(path) or _BACKFILL.fullmatch(path)):
            await self._app(scope, receive, send)
        elif read := await read_body(receive, send):
            body, receive = read
            if problem := await asyncio.to_thread(_refusal, path, body):
                await refuse(send, 400, problem)
            else:
                await self._app(scope, receive, send)


def _refusal(path: str, body: bytes) -> str | None:
    """Why the run must not be created. If body or conf is not a JSON object, Airflow itself answers."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(request, dict):
        return None
    if run := _RUN.fullmatch(path):
        return _refusal_of_conf(run["dag_id"], request.get("conf"), "manual")
    return _refusal_of_conf(request.get("dag_id"), request.get("dag_run_conf"), "backfill")


def _refusal_of_conf(dag_id: object, conf: object, run_type: str) -> str | None:
    from plugins.runs.params import refusal_of  # noqa: PLC0415 - imports Airflow's SDK, needed only here

    conf = {} if conf is None else conf
    if not isinstance(dag_id, str) or not isinstance(conf, dict):
        return None
    return refusal_of(dag_id, conf, run_type)
