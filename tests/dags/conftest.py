from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow.sdk import DAG


@pytest.fixture(scope="session")
def dags(airflow_db: None) -> dict[str, DAG]:
    """Every DAG of the project by its id, from the folder that Airflow reads. Fails on an import error."""
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - importing Airflow takes seconds

    bag = DagBag()
    assert not bag.import_errors, "\n".join(bag.import_errors.values())
    return dict(bag.dags)
