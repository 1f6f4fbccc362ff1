"""What the doctor says, and what its checks are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from include.settings import Settings
from include.staging import Staging
from include.state import StateStore


class Level(StrEnum):
    """How bad it is. A warning may be all right: something cannot be seen from here, or not yet."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Line:
    """One finding, without personal data: what was looked at, what was found, and what to do."""

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
    """What a check needs beside the clients.

    `store` is None when it cannot be opened; `journal` is a folder for what an export leaves while it is
    waited for.
    """

    settings: Settings
    state: StateStore | None
    journal: Staging
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
