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
        self,
        file: str,
        line: str = "{{ alert.title }} | {{ alert.text }} | {{ alert.url }}",
        mail_conn_id: str | None = None,
    ) -> None:
        super().__init__()
        self.file, self.line, self.mail_conn_id = file, line, mail_conn_id

    def notify(self, context: Any) -> None:
        with Path(self.file).open("a", encoding="utf-8") as lines:
            lines.write(f"{self.line}\n")
