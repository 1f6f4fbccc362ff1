"""The rules for every DAG. Each message says how to follow the rule."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from include.errors import ConfigurationError, ContractError, StagingError, TemporaryError, UnsafeChange
from include.settings import load_settings
from plugins.airflow_links import RecordsLink
from plugins.default_args import report_asset
from plugins.task_boundary import forget_failure, record_failure, record_retry

if TYPE_CHECKING:
    from airflow.sdk import DAG
    from airflow.sdk.types import Operator

ROOT = Path(__file__).resolve().parents[2]
DAILY = ("sync_contacts", "sync_products", "sync_purchases")
ALL = (*DAILY, "update_newsletter", "check_setup", "reconcile")


def test_dags__are_complete(dags: dict[str, DAG]) -> None:
    assert set(dags) == set(ALL)


@pytest.mark.parametrize("dag_id", ALL)
class TestEveryDag:
    def test_file__has_the_name_of_the_dag(self, dags: dict[str, DAG], dag_id: str) -> None:
        assert Path(dags[dag_id].fileloc).name == f"{dag_id}.py"

    def test_documentation__is_shown_in_the_ui(self, dags: dict[str, DAG], dag_id: str) -> None:
        text = dags[dag_id].doc_md or ""
        assert len(text) > 200, (
            f"{dag_id}: set doc_md=__doc__, and write in the docstring what an operator must know"
        )

    def test_tags__are_set(self, dags: dict[str, DAG], dag_id: str) -> None:
        assert dags[dag_id].tags, f"{dag_id}: set tags, because operators filter by them"

    def test_one_run_at_a_time(self, dags: dict[str, DAG], dag_id: str) -> None:
        assert dags[dag_id].max_active_runs == 1, f"{dag_id}: max_active_runs=1"
        assert dags[dag_id].catchup is False, f"{dag_id}: catchup=False"

    def test_tasks__have_an_owner_and_retries(self, dags: dict[str, DAG], dag_id: str) -> None:
        assert dags[dag_id].tasks
        for task in dags[dag_id].tasks:
            assert task.owner not in {"", "airflow"}, f"{task.task_id}: set owner in default_args"
            assert task.retries >= 1, f"{task.task_id}: retries"
            assert task.retry_policy is not None, f"{task.task_id}: set retry_policy"
            assert task.execution_timeout is not None, (
                f"{task.task_id}: set execution_timeout, so that the run ends"
            )

    def test_pools__exist_in_the_settings_file(self, dags: dict[str, DAG], dag_id: str) -> None:
        settings = yaml.safe_load((ROOT / "airflow_settings.yaml").read_text())
        known = {pool["pool_name"] for pool in settings["airflow"]["pools"]}
        assert {task.pool for task in dags[dag_id].tasks} <= known

    def test_tasks__record_their_failures(self, dags: dict[str, DAG], dag_id: str) -> None:
        for task in dags[dag_id].tasks:
            assert record_failure in task.on_failure_callback, f"{task.task_id}: use DEFAULT_ARGS"
            assert record_retry in task.on_retry_callback, f"{task.task_id}: use DEFAULT_ARGS"
            assert forget_failure in task.on_success_callback, f"{task.task_id}: use DEFAULT_ARGS"

    def test_documentation__names_the_status_page(self, dags: dict[str, DAG], dag_id: str) -> None:
        assert "VTEX ↔ Connectif" in (dags[dag_id].doc_md or ""), f"{dag_id}: say where the results are"


@pytest.mark.parametrize("dag_id", [*DAILY, "reconcile"])
def test_report__has_a_button_that_leads_to_its_records(dags: dict[str, DAG], dag_id: str) -> None:
    from airflow.serialization.serialized_objects import DagSerialization  # noqa: PLC0415

    tasks = [task["__var"] for task in DagSerialization.to_dict(dags[dag_id])["dag"]["tasks"]]
    links = {task["task_id"]: [*task.get("_operator_extra_links", {})] for task in tasks}
    assert links.pop("report") == [RecordsLink().name]
    assert not any(links.values())


@pytest.mark.parametrize("dag_id", [*DAILY, "reconcile"])
def test_report__is_an_event_of_the_runs_asset(dags: dict[str, DAG], dag_id: str) -> None:
    assert dags[dag_id].get_task("report").outlets == [report_asset(dag_id)]


@pytest.mark.parametrize("dag_id", DAILY)
class TestDailySyncs:
    def test_schedule__is_the_setting_in_the_shops_time_zone(self, dags: dict[str, DAG], dag_id: str) -> None:
        from airflow.sdk import CronDataIntervalTimetable  # noqa: PLC0415 - importing Airflow takes seconds

        schedule = load_settings().schedule
        cron = getattr(schedule, dag_id.removeprefix("sync_"))
        assert dags[dag_id].timetable == CronDataIntervalTimetable(cron, timezone=schedule.time_zone)

    def test_tasks__are_the_four_steps_in_order(self, dags: dict[str, DAG], dag_id: str) -> None:
        order = [task.task_id for task in dags[dag_id].topological_sort()]
        assert [name for name in order if name in STEPS] == list(STEPS)

    def test_extract_and_load__run_one_at_a_time_also_in_a_backfill(
        self, dags: dict[str, DAG], dag_id: str
    ) -> None:
        for name in ("extract", "load"):
            assert dags[dag_id].get_task(name).max_active_tis_per_dag == 1, (
                f"{dag_id}.{name}: max_active_tis_per_dag=1"
            )

    @pytest.mark.parametrize(
        "error", [ContractError, ConfigurationError, StagingError, UnsafeChange, TypeError]
    )
    def test_retries__are_skipped_for_errors_that_need_an_operator(
        self, dags: dict[str, DAG], dag_id: str, error: type[Exception]
    ) -> None:
        assert all(fails_at_once(task, error("…")) for task in dags[dag_id].tasks)

    def test_retries__end_before_the_next_daily_run(self, dags: dict[str, DAG], dag_id: str) -> None:
        for task in dags[dag_id].tasks:
            assert task.max_retry_delay is not None, f"{task.task_id}: max_retry_delay"
            assert task.retries * task.max_retry_delay < timedelta(hours=12)


STEPS = ("extract", "transform", "load", "report")


class TestNewsletter:
    def test_schedule__is_none_and_the_dag_is_not_paused(self, dags: dict[str, DAG]) -> None:
        dag = dags["update_newsletter"]
        assert dag.timetable.can_be_scheduled is False
        assert dag.is_paused_upon_creation is False, "a paused DAG would keep unsubscriptions in the queue"

    def test_dag__has_a_single_task(self, dags: dict[str, DAG]) -> None:
        assert len(dags["update_newsletter"].tasks) == 1, (
            "each task takes time to start, and the update must take only seconds"
        )

    def test_retries__continue_for_a_day_with_short_pauses(self, dags: dict[str, DAG]) -> None:
        (task,) = dags["update_newsletter"].tasks
        assert task.max_retry_delay is not None
        assert task.max_retry_delay <= timedelta(minutes=5)
        assert task.retries * task.max_retry_delay >= timedelta(days=1)

    @pytest.mark.parametrize("error", [TemporaryError, ContractError, ConfigurationError])
    def test_retries__follow_every_error_that_vtex_may_cause(
        self, dags: dict[str, DAG], error: type[Exception]
    ) -> None:
        """Maintenance page, DNS failure, rejected key: only the run's conf has the changes."""
        (task,) = dags["update_newsletter"].tasks
        assert fails_at_once(task, error("…")) is False

    @pytest.mark.parametrize("error", [UnsafeChange, TypeError, KeyError])
    def test_retries__are_skipped_for_a_bug(self, dags: dict[str, DAG], error: type[Exception]) -> None:
        (task,) = dags["update_newsletter"].tasks
        assert fails_at_once(task, error("…"))


def fails_at_once(task: Operator, error: Exception) -> bool:
    assert task.retry_policy is not None
    return task.retry_policy.evaluate(error, 1, task.retries).action.value == "fail"


class TestReconcile:
    def test_schedule__is_the_setting_in_the_shops_time_zone(self, dags: dict[str, DAG]) -> None:
        from airflow.sdk import CronTriggerTimetable  # noqa: PLC0415 - importing Airflow takes seconds

        schedule = load_settings().schedule
        expected = CronTriggerTimetable(schedule.reconcile, timezone=schedule.time_zone)
        assert dags["reconcile"].timetable == expected

    def test_repair__is_off_by_default(self, dags: dict[str, DAG]) -> None:
        assert dags["reconcile"].params["repair"] is False

    def test_repair__follows_the_comparison_of_purchases_only(self, dags: dict[str, DAG]) -> None:
        assert dags["reconcile"].get_task("repair").upstream_task_ids == {"compare_purchases"}
