"""The lines of the doctor, and the input of its checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from include.setting_types import Settings
from include.staging import Staging
from include.state import StateStore


class Level(StrEnum):
    """The severity. A warning may be harmless: the doctor cannot check something, or not yet."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Line:
    """One finding, without personal data: what was checked, what was found, and what to do."""

    level: Level
    subject: str
    found: str
    advice: str = ""

    def __str__(self) -> str:
        advice = f". {self.advice}" if self.advice else ""
        return f"{self.level.upper():<8} {self.subject}: {self.found}{advice}"


def ok(subject: str, found: str) -> Line:
    return Line(Level.OK, subject, found)


def warning(subject: str, found: str, advice: str) -> Line:
    return Line(Level.WARNING, subject, found, advice)


def error(subject: str, found: str, advice: str) -> Line:
    return Line(Level.ERROR, subject, found, advice)


@dataclass(frozen=True)
class CheckContext:
    """The input of a check, beside the clients.

    `state` is None if the state store cannot be opened; `journal` is a folder for the files of an export.
    """

    settings: Settings
    state: StateStore | None
    journal: Staging
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
