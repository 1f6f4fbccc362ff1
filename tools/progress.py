"""Lines of progress on the terminal: at each change, and every 15 seconds."""

from __future__ import annotations

import time
from typing import Any

REPEAT_SECONDS = 15.0
NOT_STARTED = {None, "scheduled", "queued"}


class Progress:
    """Prints `[elapsed] text`. Prints task states when they change, not at each check."""

    def __init__(self) -> None:
        self._started_at = time.monotonic()
        self._shown = ""
        self._printed_at = self._started_at

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started_at

    def say(self, text: str) -> None:
        """Print one line with the elapsed time."""
        minutes, seconds = divmod(self.seconds, 60)
        print(f"[{minutes:.0f}:{seconds:04.1f}] {text}", flush=True)
        self._printed_at = time.monotonic()

    def tasks(self, tasks: list[dict[str, Any]]) -> None:
        """Print the states of the started tasks of a run."""
        started = [task for task in tasks if task["state"] not in NOT_STARTED]
        states = ", ".join(f"{task['task_id']} {task['state']}" for task in started)
        is_due = time.monotonic() - self._printed_at > REPEAT_SECONDS
        if states and (states != self._shown or is_due):
            self.say(f"    {states}")
            self._shown = states
