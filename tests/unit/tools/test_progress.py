from __future__ import annotations

import pytest

from tools import progress
from tools.progress import Progress


def tasks(**states: str | None) -> list[dict[str, str | None]]:
    return [{"task_id": name, "state": state} for name, state in states.items()]


def test_tasks__are_shown_after_their_start_and_on_a_change_only(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Progress()
    checks = (
        tasks(extract="queued", load=None),
        tasks(extract="running", load=None),
        tasks(extract="running", load=None),
        tasks(extract="success", load="scheduled"),
    )
    for check in checks:
        shown.tasks(check)
    lines = [line.split("]", 1)[1].strip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["extract running", "extract success"]


def test_tasks__are_repeated_after_some_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "REPEAT_SECONDS", -1.0)
    shown = Progress()
    for _ in range(3):
        shown.tasks(tasks(extract="running"))
    assert capsys.readouterr().out.count("extract running") == 3
