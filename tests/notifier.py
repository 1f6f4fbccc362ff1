"""A notifier for tests that writes each notification to a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.sdk import BaseNotifier


class FileNotifier(BaseNotifier):
    """Writes one line for each notification."""

    template_fields: Sequence[str] = ("line",)

    def __init__(
        self, file: str, line: str = "{{ alert.title }} | {{ alert.text }} | {{ alert.url }}"
    ) -> None:
        super().__init__()
        self.file, self.line = file, line

    def notify(self, context: Any) -> None:
        with Path(self.file).open("a", encoding="utf-8") as lines:
            lines.write(f"{self.line}\n")
