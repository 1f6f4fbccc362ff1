"""The list of records as HTML: filter, pages, keys that lead to explanations, and the choice for a replay."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment

from include.airflow_paths import dag_path
from include.outcomes import Kind, Outcome, PipelineName, Reason
from include.page.record_query import RecordQuery
from include.page.rendering import link_of_run, short_key, templates
from include.page.status import Reader, kind_of_key
from include.page.vtex_admin import admin_link
from include.pipeline.explanation import trigger_command
from include.pipeline.replay import can_be_chosen
from include.pipelines import DAILY_PIPELINES, PIPELINES
from include.plan import keys_of
from include.run_name import ids_of, readable
from include.shops import dag_id_of
from include.state import FoundRecord, RecordOrder, RunRecords, Seen, Shop, StateStore
from include.state.records import REPLAYED
from include.values.wording import number

PER_PAGE = 50
ORDER_NAMES = {
    RecordOrder.LAST_SEEN: "last seen, newest first",
    RecordOrder.FIRST_SEEN: "first seen, oldest first",
    RecordOrder.ATTEMPTS: "attempts, most first",
    RecordOrder.KEY: "key",
}
_MOST_RUNS_NAMED = 50


class NoSuchPage(ValueError):
    """The list has fewer pages."""


@dataclass(frozen=True)
class RecordList:
    """One page of a list. `may_replay` are the pipelines whose DAGs the reader may trigger."""

    query: RecordQuery
    total: int
    rows: Sequence[FoundRecord]
    runs: Sequence[RunRecords]
    pipelines: tuple[PipelineName, ...]
    may_replay: frozenset[PipelineName] = frozenset()
    form_id: str = ""

    @property
    def pages(self) -> int:
        return _pages(self.total)

    @property
    def can_replay(self) -> bool:
        """Whether this list offers a replay: of one pipeline whose DAG the reader may trigger."""
        return self.query.pipeline in self.may_replay and any(map(self.can_choose, self.rows))

    @property
    def can_replay_all(self) -> bool:
        """Whether a reason code selects exactly the records of this list."""
        return self.can_replay and replay_of_list(self.query) is not None

    def can_choose(self, row: FoundRecord) -> bool:
        """Whether the reader can choose this record for a replay."""
        of_list = row.pipeline is self.query.pipeline and row.pipeline in DAILY_PIPELINES
        return of_list and row.stored.outcome in REPLAYED and can_be_chosen(row.stored.key)


@dataclass(frozen=True)
class Replay:
    """A replay of a pipeline's records: by keys, or by a reason code. `section` is the shop's."""

    pipeline: PipelineName
    wanted: str
    section: str = ""

    @property
    def dag_id(self) -> str:
        return dag_id_of(PIPELINES[self.pipeline].dag_id, self.section)

    @property
    def keys(self) -> list[str]:
        """The chosen keys; empty for a reason code."""
        return [] if self.wanted in set(Reason) else keys_of(self.wanted)

    @property
    def conf(self) -> dict[str, str]:
        """The conf of the run."""
        return {"mode": "replay", "replay": self.wanted}

    @property
    def conf_text(self) -> str:
        return json.dumps(self.conf)

    @property
    def command(self) -> str:
        """The command that triggers this replay."""
        return trigger_command(self.dag_id, **self.conf)


def is_replayed(reason: Reason | None) -> bool:
    """Whether a replay makes sense for this reason: its records were rejected or held."""
    return reason is not None and reason.outcome in REPLAYED


def find_records(
    state: StateStore, query: RecordQuery, pipelines: tuple[PipelineName, ...], reader: Reader
) -> RecordList:
    """Read one page of the list among these pipelines. NoSuchPage if the list is shorter."""
    wanted = query.to_filter(pipelines, reader.zone)
    total = state.record_search.count(wanted)
    if query.page > _pages(total):
        raise NoSuchPage
    rows = state.record_search.page(wanted, query.sort, limit=PER_PAGE, offset=(query.page - 1) * PER_PAGE)
    runs = state.record_search.runs(wanted.pipelines, _MOST_RUNS_NAMED)
    return RecordList(query, total, rows, runs, pipelines)


def records_page(shown: RecordList, reader: Reader, shop: Shop, *, keys_are_products: bool = True) -> str:
    """The list as HTML."""

    def admin(row: FoundRecord) -> str | None:
        kind = _kind_of(row)
        return admin_link(shop, kind, row.stored.key, keys_are_products=keys_are_products) if kind else None

    return _render(
        "records.html",
        reader,
        shown=shown,
        query=shown.query,
        pipelines=[name for name in shown.pipelines if name is not PipelineName.RECONCILE],
        admin=admin,
        kind_of=_kind_of,
        replay=replay_of_list(shown.query, reader.section),
        outcomes=Outcome,
        reasons=Reason,
        seen_names={Seen.LAST: "last seen", Seen.FIRST: "first seen"},
        order_names=ORDER_NAMES,
    )


def replay_page(
    replay: Replay, reader: Reader, back: str, *, run_id: str | None, left_out: Sequence[str] = ()
) -> str:
    """What was triggered, with a link to the run; without a run, only the command. `left_out` are keys that
    were chosen and have been sent since."""
    run = link_of_run(f"{replay.dag_id}/{run_id}") if run_id else None
    return _render("replay.html", reader, replay=replay, run=run, back=back, left_out=left_out)


def replay_of_list(query: RecordQuery, section: str = "") -> Replay | None:
    """The replay of exactly the records of this list of a shop, if there is one."""
    if query.pipeline in DAILY_PIPELINES and query.code and is_replayed(query.code) and query.is_one_reason:
        return Replay(query.pipeline, query.code, section)
    return None


def _pages(total: int) -> int:
    return max(1, -(-total // PER_PAGE))


def _run_link(run_key: str) -> str:
    """The address of a run in Airflow's UI, relative to the page; of its DAG if the key names no run."""
    return link_of_run(run_key) or f"../{dag_path(run_key)}"


def _run_id(run_key: str) -> str:
    return ids_of(run_key)[1]


def _kind_of(row: FoundRecord) -> Kind | None:
    return kind_of_key(row.pipeline, row.stored.key)


def _render(name: str, reader: Reader, **values: object) -> str:
    return _templates().get_template(name).render(reader=reader, at=reader.at, **values)


@cache
def _templates() -> Environment:
    filters: dict[str, Callable[..., str]] = {
        "number": number,
        "key": short_key,
        "run": readable,
        "run_id": _run_id,
        "run_link": _run_link,
    }
    return templates(Path(__file__).parent / "templates", filters)
