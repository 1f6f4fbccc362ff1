"""How a lease names the Airflow that holds it."""

from __future__ import annotations

import pytest

from plugins.runs.open_run import installation


def test_installation__is_the_address_that_people_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.myshop.example")
    assert installation() == "https://airflow.myshop.example"


def test_installation__may_have_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "")
    assert installation() == ""
