"""The answer to "is the newsletter working?": one sentence, and the facts behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from include.page.rendering import Level
from include.page.trends import Span
from include.pipelines import NEWSLETTER
from include.state.figures import WaitingEvents
from include.values.wording import age, duration, plural
from include.window import local_text

LATE = timedelta(minutes=5)
"""A run of the newsletter that waits longer is late; the alert for failed runs uses the same time."""


class Receiver(StrEnum):
    """Whether the receiver answers Connectif's calls with 202 (up) or refuses them."""

    UP = "up"
    DOWN = "down"
    NOT_SET_UP = "not set up"


@dataclass(frozen=True)
class AirflowFacts:
    """The facts that only Airflow knows.

    `paused` are the ids of paused DAGs. `receiver_problem` says why the receiver refuses calls.
    `runs_waiting` are the unfinished runs of `update_newsletter` that are due, the oldest since
    `oldest_run`. `problem` says why Airflow's database did not answer; then the other facts are unknown.
    """

    paused: frozenset[str] = frozenset()
    receiver: Receiver = Receiver.UP
    receiver_problem: str = ""
    last_callback: datetime | None = None
    runs_waiting: int = 0
    oldest_run: datetime | None = None
    problem: str = ""


@dataclass(frozen=True)
class NewsletterFacts:
    """What is known about the newsletter of the DAG with this id.

    `last_failed`: its last run failed; None if there was no run.
    """

    airflow: AirflowFacts
    waiting: WaitingEvents
    last_callback: datetime | None
    last_failed: bool | None
    latency: str
    dag_id: str = NEWSLETTER.dag_id


@dataclass(frozen=True)
class Condition:
    """The state in a word for the card, how to show it, and the answer in one sentence."""

    word: str
    level: Level
    sentence: str


@dataclass(frozen=True)
class NewsletterAnswer:
    """The condition; `brief`, the most important facts; and all facts as pairs of label and text."""

    condition: Condition
    brief: str
    facts: tuple[tuple[str, str], ...]


def newsletter_answer(found: NewsletterFacts, span: Span) -> NewsletterAnswer:
    """Judge the facts: the first problem decides."""
    condition = _airflow_problem(found, span) or _state_of_runs(found) or _working(found, span)
    return NewsletterAnswer(condition, _brief(found, span), tuple(_facts(found, span)))


def _airflow_problem(found: NewsletterFacts, span: Span) -> Condition | None:
    airflow, dag_id = found.airflow, found.dag_id
    if dag_id in airflow.paused:
        lost = "Connectif's calls are refused, and Connectif does not repeat them"
        return Condition("paused", Level.BAD, f"No: {dag_id} is paused. {lost}. Unpause {dag_id} now.")
    if airflow.receiver is Receiver.DOWN:
        why = f"the receiver refuses Connectif's calls: {airflow.receiver_problem}"
        return Condition("receiver down", Level.BAD, f"No: {why}.")
    if airflow.oldest_run and span.now - airflow.oldest_run > LATE:
        why = f"a run has waited for {_time_since(airflow.oldest_run, span)}"
        todo = "Check the scheduler, and the last lines of the run's log"
        return Condition("late", Level.BAD, f"No: {why}. {todo}.")
    return None


def _state_of_runs(found: NewsletterFacts) -> Condition | None:
    if found.last_failed:
        todo = "Open it, and do what the last lines of its log say"
        return Condition("failed", Level.BAD, f"No: the last run failed. {todo}.")
    if found.airflow.receiver is not Receiver.NOT_SET_UP:
        return None
    if found.last_failed is None or found.last_callback:
        why = f"the receiver is not set up. {found.airflow.receiver_problem}"
        return Condition("not set up", Level.WARNING, f"No: {why}.")
    how = "over Airflow's REST API. The receiver for Connectif's calls is not set up"
    return Condition("passed", Level.GOOD, f"Yes, {how}.")


def _working(found: NewsletterFacts, span: Span) -> Condition:
    if found.last_callback is None:
        why = "the receiver is up, but Connectif has not called yet"
        todo = "Enter its addresses at Connectif: docs/newsletter.md says how"
        return Condition("no call yet", Level.NONE, f"Not yet: {why}. {todo}.")
    called = f"the last call from Connectif came {age(span.now - found.last_callback)}"
    return Condition("up", Level.GOOD, f"Yes: the receiver is up, {called}. Time to VTEX: {found.latency}.")


def _brief(found: NewsletterFacts, span: Span) -> str:
    called = [f"last call {age(span.now - found.last_callback)}"] if found.last_callback else []
    return ", ".join([*called, f"{found.waiting.number:,} waiting"])


def _facts(found: NewsletterFacts, span: Span) -> list[tuple[str, str]]:
    airflow, waiting = found.airflow, found.waiting
    return [
        ("Receiver", ". ".join(filter(None, (airflow.receiver, airflow.receiver_problem)))),
        ("Last call from Connectif", _when(found.last_callback, span)),
        ("Events that wait for VTEX", _waiting(plural(waiting.number, "event"), waiting.since, span)),
        ("Runs that wait", _waiting(plural(airflow.runs_waiting, "run"), airflow.oldest_run, span)),
        ("Time to VTEX", found.latency),
    ]


def _when(instant: datetime | None, span: Span) -> str:
    return f"{local_text(instant, span.zone)} ({age(span.now - instant)})" if instant else "none"


def _waiting(what: str, since: datetime | None, span: Span) -> str:
    if since is None:
        return "none"
    return f"{what}, the oldest since {local_text(since, span.zone)} ({_time_since(since, span)})"


def _time_since(instant: datetime, span: Span) -> str:
    return duration((span.now - instant).total_seconds())
