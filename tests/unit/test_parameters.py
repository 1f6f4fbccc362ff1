"""Unknown keys in a run's conf are named with the nearest parameter."""

from __future__ import annotations

import pytest

from include.parameters import unknown_parameters

KNOWN = ("mode", "dry_run", "window_start", "window_end", "only", "replay")


@pytest.mark.parametrize(
    "conf",
    [{}, {"dry_run": True}, dict.fromkeys(KNOWN), {"mode": "full", "openlineage": {"parentRunId": "1"}}],
)
def test_known__are_accepted(conf: dict[str, object]) -> None:
    assert unknown_parameters(conf, KNOWN) is None


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("dryrun", "dry_run"),
        ("dry-run", "dry_run"),
        ("Dry_Run", "dry_run"),
        ("DRY_RUN", "dry_run"),
        ("dry.run", "dry_run"),
        ("window-start", "window_start"),
        ("windowEnd", "window_end"),
        ("mod", "mode"),
        ("replays", "replay"),
    ],
)
def test_misspelt__names_the_nearest(key: str, meant: str) -> None:
    said = unknown_parameters({"mode": "full", key: 1}, KNOWN)
    assert said == (
        f"unknown parameter {key} (did you mean {meant}?); "
        "known are dry_run, mode, only, replay, window_end, window_start"
    )


def test_unlike_any__is_named_without_a_suggestion() -> None:
    assert unknown_parameters({"colour": 1}, ("mode",)) == "unknown parameter colour; known are mode"
    assert unknown_parameters({"colour": 1}, ()) == "unknown parameter colour; this DAG has none"


@pytest.mark.parametrize("key", ["ana@example.com", "Ana García", "", "x" * 41, "a\nb"])
def test_key__that_may_be_personal_is_not_quoted(key: str) -> None:
    said = unknown_parameters({key: True}, KNOWN) or ""
    assert "does not look like a parameter" in said
    assert not key or key not in said


def test_many__are_named_up_to_five() -> None:
    said = unknown_parameters({f"x{number}": 1 for number in range(9)}, ("mode",)) or ""
    assert said == "unknown parameters x0, x1, x2, x3, x4; known are mode"
