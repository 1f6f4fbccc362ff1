"""The name of an Airflow installation in a lease."""

from __future__ import annotations

import pytest

from plugins.runs.open_run import installation


def test_installation__is_the_public_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.myshop.example")
    assert installation() == "https://airflow.myshop.example"


def test_installation__is_empty_without_a_public_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "")
    assert installation() == ""
