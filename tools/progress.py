"""Lines that tell somebody who waits what is going on: on a change, and now and then as a sign of life."""

from __future__ import annotations

import time
from typing import Any

SIGN_OF_LIFE_SECONDS = 15.0
NOT_BEGUN = {None, "scheduled", "queued"}


class Progress:
    """Prints `[elapsed] text`. Task states are printed when they change, not at each look."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._shown = ""
        self._printed_at = self._begun

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    def say(self, text: str) -> None:
        """Print one line with the time that has passed."""
        minutes, seconds = divmod(self.seconds, 60)
        print(f"[{minutes:.0f}:{seconds:04.1f}] {text}", flush=True)
        self._printed_at = time.monotonic()

    def tasks(self, tasks: list[dict[str, Any]]) -> None:
        """Show the states of a run's tasks that have begun."""
        begun = [task for task in tasks if task["state"] not in NOT_BEGUN]
        states = ", ".join(f"{task['task_id']} {task['state']}" for task in begun)
        still = time.monotonic() - self._printed_at > SIGN_OF_LIFE_SECONDS
        if states and (states != self._shown or still):
            self.say(f"    {states}")
            self._shown = states
