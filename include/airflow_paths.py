"""Paths of Airflow's UI and of our pages in it, relative to the base URL of the UI.

They are the routes of Airflow 3.3.2 (`ui/dist`, read 2026-11-29).
"""

from __future__ import annotations

from urllib.parse import quote

STATUS_PAGE = "vtex-connectif-status"
"""The path of the status page."""
SHOP = "shop"
"""The parameter of our pages that names the shop, if there are several."""


def of_shop(path: str, key: str) -> str:
    """The path of one of our pages for a shop: `./#products` → `./?shop=es#products`.

    Without a key it is the path itself: there is one shop.
    """
    if not key:
        return path
    page, mark, place = path.partition("#")
    return f"{page}{'&' if '?' in page else '?'}{SHOP}={_quoted(key)}{mark}{place}"


def dag_path(dag_id: str) -> str:
    """A DAG."""
    return f"dags/{_quoted(dag_id)}"


def run_path(dag_id: str, run_id: str) -> str:
    """A run."""
    return f"{dag_path(dag_id)}/runs/{_quoted(run_id)}"


def task_log_path(
    dag_id: str, run_id: str, task_id: str, map_index: int = -1, try_number: int | None = None
) -> str:
    """The log of a try of a task, by default the last; `map_index` is -1 for a task that is not mapped."""
    mapped = f"/mapped/{map_index}" if map_index >= 0 else ""
    tried = f"?try_number={try_number}" if try_number else ""
    return f"{run_path(dag_id, run_id)}/tasks/{_quoted(task_id)}{mapped}{tried}"


def _quoted(text: str) -> str:
    return quote(text, safe="")
