"""The differences of a comparison: the state of the card, the table of causes, and the complete list."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from include.errors import StagingError
from include.outcomes import Cause, Kind, PipelineName
from include.page.differences import CAUSE_COLUMNS, difference_rows, differences_of, has_differences
from include.page.overview import overview
from include.page.pipeline_state import State
from include.pipeline.differences import LIST
from include.report import Compared, Report
from include.settings import load_settings
from include.staging import Staging
from include.state import StateStore, StoredReport
from tests.unit.page.test_overview import NOW, save
from tests.unit.page.test_overview import clock as clock  # noqa: PLC0414 - a fixture
from tests.unit.page.test_overview import state as state  # noqa: PLC0414 - a fixture

FOUND = {
    PipelineName.CONTACTS: Compared(
        causes=Counter({Cause.ONLY_AT_CONNECTIF: 900, Cause.REJECTED: 2}),
        examples={Cause.REJECTED: ["c1", "c2"], Cause.ONLY_AT_CONNECTIF: ["5fc0"]},
    ),
    PipelineName.PURCHASES: Compared(causes=Counter({Cause.GONE: 7, Cause.TOO_YOUNG: 3})),
}


def report(found: dict[PipelineName, Compared]) -> Report:
    return Report(pipeline=PipelineName.RECONCILE, mode="compare", compared=found)


def stored(found: dict[PipelineName, Compared]) -> StoredReport:
    return StoredReport(
        PipelineName.RECONCILE, "reconcile", "run", 0, "reconcile/run/0", "success", NOW, NOW, report(found)
    )


def test_rows__begin_with_those_to_look_at() -> None:
    rows = differences_of(stored(FOUND))
    assert [(row.pipeline, row.cause, row.records) for row in rows] == [
        (PipelineName.PURCHASES, Cause.GONE, 7),
        (PipelineName.CONTACTS, Cause.REJECTED, 2),
        (PipelineName.CONTACTS, Cause.ONLY_AT_CONNECTIF, 900),
        (PipelineName.PURCHASES, Cause.TOO_YOUNG, 3),
    ]
    assert rows[1].examples == ("c1", "c2")
    assert differences_of(None) == differences_of(stored({})) == []


def test_rows__can_be_explained_unless_their_keys_are_connectifs() -> None:
    kinds = {row.cause: row.kind for row in differences_of(stored(FOUND))}
    assert kinds[Cause.REJECTED] is Kind.CUSTOMER
    assert kinds[Cause.GONE] is Kind.ORDER
    assert kinds[Cause.ONLY_AT_CONNECTIF] is None


@pytest.mark.parametrize(
    ("causes", "run_state", "shown"),
    [
        ({Cause.GONE: 1}, "success", State.DIFFERENCES),
        ({Cause.GONE: 1}, "failed", State.FAILED),
        ({Cause.TOO_YOUNG: 9}, "success", State.PASSED),
        ({}, "success", State.PASSED),
    ],
)
def test_card__shows_differences_that_an_operator_must_look_at(
    state: StateStore, causes: dict[Cause, int], run_state: str, shown: State
) -> None:
    found = report({PipelineName.PURCHASES: Compared(causes=Counter(causes))})
    assert has_differences(found) is (Cause.GONE in causes)
    save(state, PipelineName.RECONCILE, found, run_state=run_state)
    (one,) = overview(state, (PipelineName.RECONCILE,), load_settings(), NOW).pipelines
    assert one.state is shown


def test_card__of_an_old_comparison_is_overdue(state: StateStore) -> None:
    save(state, PipelineName.RECONCILE, report(FOUND), ago=timedelta(days=20))
    (one,) = overview(state, (PipelineName.RECONCILE,), load_settings(), NOW).pipelines
    assert one.state is State.OVERDUE


def staged(folder: Path, rows: list[tuple[str, str, str]]) -> Staging:
    staging = Staging(folder)
    with staging.writing(LIST) as file:
        text = "\n".join(",".join(f'"{cell}"' for cell in row) for row in [("key", "cause", "detail"), *rows])
        file.write(text.encode())
    return staging


def test_list__has_all_differences_or_those_of_a_cause(tmp_path: Path) -> None:
    rows = [(f"p{n}", "gone" if n % 2 else "too_young", f"detail, {n}") for n in range(11_000)]
    folder = staged(tmp_path / "compare", rows)
    batches = list(difference_rows(folder, PipelineName.PURCHASES, None))
    assert len(batches) > 1
    found = [row for batch in batches for row in batch]
    assert [row[2] for row in found] == [row[0] for row in rows]
    assert dict(zip(CAUSE_COLUMNS, found[1], strict=True)) == {
        "pipeline": "purchases",
        "cause": "gone",
        "key": "p1",
        "detail": "detail, 1",
        "expected": "no",
        "meaning": Cause.GONE.meaning,
        "what to do": Cause.GONE.advice,
    }
    of_cause = [row for batch in difference_rows(folder, PipelineName.PURCHASES, Cause.GONE) for row in batch]
    assert [row[2] for row in of_cause] == [f"p{n}" for n in range(1, 11_000, 2)]


def test_list__that_is_gone_or_damaged_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StagingError):
        list(difference_rows(Staging(tmp_path / "nowhere"), PipelineName.PURCHASES, None))
    folder = staged(tmp_path / "compare", [("p1", "gone", "")])
    (tmp_path / "compare" / LIST).write_text(csv.__name__)
    with pytest.raises(StagingError):
        list(difference_rows(Staging(folder.folder), PipelineName.PURCHASES, None))


def test_causes__say_what_they_mean_and_what_to_do() -> None:
    for cause in Cause:
        assert cause.meaning
        assert cause.advice
        assert not cause.meaning.endswith(".")
        assert not cause.advice.endswith(".")
        assert cause.pipelines
        assert cause.is_expected == cause.advice.startswith("Nothing"), cause
