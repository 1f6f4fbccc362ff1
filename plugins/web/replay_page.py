"""Triggers a replay of chosen records from the list of records, for users who may trigger the DAG."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated
from urllib.parse import parse_qsl

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from include.errors import SyncError
from include.outcomes import PipelineName
from include.page.record_query import RecordQuery, WrongQuery
from include.page.records import Replay, replay_of_list, replay_page
from include.pipeline.replay import can_be_chosen
from include.pipelines import DAILY_PIPELINES
from include.plan import MOST_KEYS
from include.state import StateStore
from include.state.records import REPLAYED
from plugins.runs.params import refusal_of
from plugins.web.airflow_runs import trigger_once
from plugins.web.page_access import Access, ShopAccess
from plugins.web.page_app import FORM_FIELD, PageProblem, is_our_form, last_values, may_trigger, read_fields

FORM_REFUSED = "This form is older than your session, or comes from another site. Open the list again"
_FORM_ID = re.compile("[0-9a-f]{16}")
Fields = Annotated[dict[str, list[str]], Depends(read_fields)]


def replay_records(access: Access, user: GetUserDep, request: Request, fields: Fields) -> HTMLResponse:
    """Create a run that replays the chosen records, or all with one reason code; show the run.

    The button *Show command* creates no run.
    """
    one = last_values(fields)
    if not is_our_form(request, one.get(FORM_FIELD, "")):
        raise PageProblem(403, FORM_REFUSED, back="records")
    query = _list_of(one.get("list", ""))
    pipeline = _pipeline_of(one, access)
    dag_id, back = access.dag_id(pipeline), query.address()
    if not may_trigger(user, dag_id):
        raise PageProblem(403, f"You may not trigger {dag_id}", back="records")
    try:
        with access.open_state() as state:
            wanted, left_out = _wanted(state, pipeline, one.get("do", ""), query, fields.get("key", []))
        replay = Replay(pipeline, wanted, access.shop.section)
        run_id = None
        if one.get("do") != "command":
            run_id = _trigger(replay, one.get("form_id", ""), user.get_name(), back)
    except SyncError as problem:
        raise PageProblem(503, str(problem), back=back) from None
    reader = access.reader(request, state.shop.vtex_account)
    return HTMLResponse(replay_page(replay, reader, back, run_id=run_id, left_out=left_out))


def _list_of(address: str) -> RecordQuery:
    """The list that the form was on."""
    try:
        return RecordQuery.parse(dict(parse_qsl(address.partition("?")[2])))
    except (WrongQuery, ValueError):
        raise PageProblem(400, "The form is not complete. Open the list again", back="records") from None


def _pipeline_of(one: dict[str, str], access: ShopAccess) -> PipelineName:
    names = {str(name): name for name in DAILY_PIPELINES}
    pipeline = names.get(one.get("pipeline", ""))
    if pipeline is None:
        raise PageProblem(400, "Choose one pipeline of contacts, products or purchases", back="records")
    access.require(pipeline)
    return pipeline


def _wanted(
    state: StateStore, pipeline: PipelineName, do: str, query: RecordQuery, chosen: list[str]
) -> tuple[str, list[str]]:
    """The parameter `replay`, and the chosen keys that are no longer rejected or held."""
    if do == "all" or (do == "command" and not chosen and query.is_one_reason):
        whole = replay_of_list(query)
        if whole is None or whole.pipeline is not pipeline:
            raise PageProblem(
                400, "Only a list of one reason code can be replayed as a whole", back=query.address()
            )
        return whole.wanted, []
    keys = list(dict.fromkeys(chosen))
    if not 0 < len(keys) <= MOST_KEYS or not all(map(can_be_chosen, keys)):
        raise PageProblem(400, f"Choose between 1 and {MOST_KEYS} records of the list", back=query.address())
    found = state.records.outcomes_of(pipeline, keys)
    unsent = [key for key in keys if key in found and found[key].outcome in REPLAYED]
    if not unsent:
        raise PageProblem(
            409, "None of the chosen records is rejected or held any more", back=query.address()
        )
    return ",".join(unsent), [key for key in keys if key not in unsent]


def _trigger(replay: Replay, form_id: str, user_name: str, back: str) -> str:
    """Create the run; returns its id. The same form with the same choice creates one run only."""
    if not _FORM_ID.fullmatch(form_id):
        raise PageProblem(400, "The form is not complete. Open the list again", back=back)
    if problem := refusal_of(replay.dag_id, replay.conf, "manual"):
        raise PageProblem(400, problem, back=back)
    choice = hashlib.sha256(replay.wanted.encode()).hexdigest()[:8]
    run_id = f"replay__{form_id}__{choice}"
    trigger_once(replay.dag_id, run_id, replay.conf, user_name)
    return run_id
