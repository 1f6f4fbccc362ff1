"""Marks of purchases: durable before the POST, removed when the answer is recorded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from include.outcomes import Outcome, Reason
from include.state import PostMark, PurchaseOutcome, PurchaseToPost, StateStore
from tests.unit.state.conftest import SHOP, Clock, Opener

SECOND = timedelta(seconds=1)


def mark(state: StateStore, *purchase_ids: str, run: str = "run 1", lines_left_out: int = 0) -> None:
    state.post_marks.mark(
        run, (PurchaseToPost(one, state.hashed("ana@x.example"), lines_left_out) for one in purchase_ids)
    )


def record(state: StateStore, purchase_id: str, outcome: Outcome, run: str = "run 1", lines: int = 0) -> None:
    reason = None if outcome is Outcome.SENT else Reason.ALREADY_TRACKED
    answer = PurchaseOutcome(purchase_id, outcome, reason, "", ["o"], state._database.clock(), None, lines)
    state.purchases.record(run, [answer])


def marked(state: StateStore) -> set[tuple[str, str]]:
    return {(one.run_key, one.purchase_id) for one in state.post_marks.marks()}


def test_mark__is_removed_by_the_answer_of_its_run(state: StateStore) -> None:
    mark(state, "v1", "v2")
    mark(state, "v1", run="run 2")
    record(state, "v1", Outcome.ALREADY_THERE)
    assert marked(state) == {("run 1", "v2"), ("run 2", "v1")}


def test_mark__of_every_run_is_removed_once_the_purchase_is_sent(state: StateStore) -> None:
    mark(state, "v1", "v2")
    mark(state, "v1", run="run 2")
    record(state, "v1", Outcome.SENT, run="run 2")
    assert marked(state) == {("run 1", "v2")}


def test_mark__written_again_describes_the_last_post(state: StateStore, clock: Clock) -> None:
    mark(state, "v1")
    clock.advance(SECOND)
    mark(state, "v1", lines_left_out=2)
    assert state.post_marks.marks() == [PostMark("v1", "run 1", 2, clock.now)]


def test_mark__belongs_to_one_shop(opened: Opener) -> None:
    state, other = opened(), opened(replace(SHOP, name="other", folder=""))
    mark(state, "v1")
    mark(other, "v1")
    record(other, "v1", Outcome.SENT)
    assert (marked(state), marked(other)) == ({("run 1", "v1")}, set())


def test_marks__of_many_purchases_or_none(state: StateStore) -> None:
    mark(state)
    mark(state, *(f"v{number}" for number in range(1_200)), "v1")
    assert len(state.post_marks.marks()) == 1_200


def test_lines_left_out__stay_as_they_were_sent(state: StateStore) -> None:
    record(state, "v1", Outcome.SENT, lines=2)
    record(state, "v1", Outcome.ALREADY_THERE, run="run 2")
    assert state.purchases.recorded(["v1"])["v1"].lines_left_out == 2
