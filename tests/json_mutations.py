"""JSON of any shape, good answers with one changed place, and the check of a client against both."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from include.errors import SyncError
from tests.scripted_server import Answer, ScriptedServer

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutations(draw: st.DrawFn, good: Any) -> Any:
    """Change one place of a good answer: replace, remove or add a value, or nest it deeply."""
    if draw(st.integers(0, 5)) == 0 or not isinstance(good, dict | list) or not good:
        return draw(ANY_JSON | st.just([[[[[[]]]]]]))
    if isinstance(good, list):
        place = draw(st.integers(0, len(good) - 1))
        changed = [*good[:place], draw(mutations(good[place])), *good[place + 1 :]]
        return draw(st.sampled_from([changed, [*good, *changed], good[:place]]))
    key = draw(st.sampled_from(sorted(good)))
    without = {name: value for name, value in good.items() if name != key}
    return draw(st.sampled_from([without, {**good, key: draw(mutations(good[key]))}, {**good, "more": []}]))


def check_result_or_sync_error(
    call: Callable[[], Any],
    good: Any,
    data: st.DataObject,
    server: ScriptedServer,
    *,
    statuses: tuple[int, ...] = (200,),
    headers: Mapping[str, str] | None = None,
) -> None:
    """Let the server answer changed and cut JSON; `call` may only return or raise a SyncError."""
    body = json.dumps(data.draw(mutations(good))).encode()
    cut = data.draw(st.sampled_from([body, body, body[: len(body) // 2], b""]))
    status = data.draw(st.sampled_from(statuses))
    server.forget()
    server.script(*[Answer(status, b"" if status == 204 else cut, dict(headers or {}))] * 12)
    with contextlib.suppress(SyncError):
        call()
