"""The first user of the UI: created, checked, and never changed in silence."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.security import generate_password_hash

from plugins import first_user

FILE = Path("/run/secrets/admin_password")


class FakeManager:
    """The calls of FAB's security manager that the command makes."""

    def __init__(self, password: str | None, *, accepts: bool = True) -> None:
        hashed = None if password is None else generate_password_hash(password)
        self.user = None if hashed is None else SimpleNamespace(id=7, password=hashed)
        self.accepts = accepts
        self.calls: list[tuple[Any, ...]] = []

    def find_user(self, username: str) -> Any:
        assert username == "ana"
        return self.user

    def find_role(self, name: str) -> str:
        return f"role {name}"

    def add_user(self, *fields: str) -> bool:
        self.calls.append(("add", *fields))
        return self.accepts

    def reset_password(self, user_id: int, password: str) -> None:
        self.calls.append(("reset", user_id, password))


def ensure(manager: FakeManager, password: str, *, set_password: bool = False) -> int:
    given = Namespace(name="ana", email="ana@example.com", password_file=FILE, set_password=set_password)
    return first_user._ensure(manager, given, password)


def test_user__is_created_with_the_password_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    manager = FakeManager(None)
    assert ensure(manager, "word") == 0
    assert manager.calls == [("add", "ana", "Admin", "Admin", "ana@example.com", "role Admin", "word")]
    assert "user ana: created" in capsys.readouterr().out


def test_user__that_airflow_refuses_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert ensure(FakeManager(None, accepts=False), "word") == 1
    assert "refused" in capsys.readouterr().err


def test_user__with_the_same_password_stays(capsys: pytest.CaptureFixture[str]) -> None:
    manager = FakeManager("word")
    assert ensure(manager, "word", set_password=True) == 0
    assert manager.calls == []
    assert "WARNING" not in capsys.readouterr().out


def test_user__with_another_password_stays_and_the_operator_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    manager = FakeManager("older")
    assert ensure(manager, "newer") == 0
    assert manager.calls == []
    printed = capsys.readouterr().out
    assert "WARNING: user ana exists with another password" in printed
    assert "--set-password" in printed
    assert "newer" not in printed


def test_set_password__changes_it() -> None:
    manager = FakeManager("older")
    assert ensure(manager, "newer", set_password=True) == 0
    assert manager.calls == [("reset", 7, "newer")]


def test_empty_file__is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "password"
    file.write_text("\n")
    assert first_user.main(["--name", "ana", "--email", "a@example.com", "--password-file", str(file)]) == 1
    assert "is empty" in capsys.readouterr().err
