"""Shows the mistakes in the settings of single shops as an import error; it has no DAG.

For Airflow an import error stops every DAG of its file, and the file of a sync holds the DAGs of all shops.
So the files of the syncs leave out a shop whose settings are wrong, and this file names it.

Airflow imports only files with the words "airflow" and "dag" in them (`[core] dag_discovery_safe_mode`).
"""

from __future__ import annotations

from include.errors import ConfigurationError
from plugins.dag_shops import checked_shops

if problems := checked_shops().problems:
    lines = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
    raise ConfigurationError(f"These shops have no DAGs until their settings are corrected. {lines}")
