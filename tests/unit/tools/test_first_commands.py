"""The commands that `make airflow` prints are those of the README."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tools.first_commands import FirstCommands, login, newsletter_event
from tools.local_stack import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def first_commands() -> FirstCommands:
    stack: Any = SimpleNamespace(url="http://127.0.0.1:8080", keys=SimpleNamespace(password="a-password"))
    sandbox: Any = SimpleNamespace(vtex="http://127.0.0.1:8101", connectif="http://127.0.0.1:8102")
    return FirstCommands(stack, sandbox, {"id": "d1", "email": "ana@example.com"})


def test_readme__shows_the_commands_of_make_airflow() -> None:
    assert login("http://127.0.0.1:8080", "…") in README
    assert newsletter_event("ana@example.com", "2026-11-23T10:00:00Z") in README


def test_commands__hold_the_address_only_in_bodies() -> None:
    commands = [each.command for each in first_commands().newsletter()]
    with_address = [command for command in commands if "ana@example.com" in command]
    assert len(with_address) == 2
    for command in with_address:
        assert "ana@example.com" in command.partition(" -d ")[2]


def test_comments__open_no_quote_in_a_shell_without_comments() -> None:
    first = first_commands()
    for each in (first.login(), *first.syncs(), *first.newsletter()):
        assert "'" not in each.what
