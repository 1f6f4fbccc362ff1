"""A DAG bundle of the repository's root holds our DAGs and nothing else. See docs/deployment.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.utils.file import list_py_file_paths

bundle = DagBundlesManager().get_bundle("sync")
bundle.initialize()
bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
print()
print(json.dumps({
    "files": sorted(list_py_file_paths(bundle.path, safe_mode=False)),
    "dags": sorted(bag.dags),
    "errors": bag.import_errors,
}))
"""


def test_root_bundle__has_exactly_our_dags_and_imports_include_and_plugins(tmp_path: Path) -> None:
    """Without PYTHONPATH: Airflow puts the path of a bundle on sys.path."""
    bundle = {
        "name": "sync",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(ROOT)},
    }
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["AIRFLOW_HOME"] = str(tmp_path)
    environment["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"] = json.dumps([bundle])
    environment["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(tmp_path / "plugins")
    done = subprocess.run(
        (sys.executable, "-c", PROGRAM),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    files = sorted((ROOT / "dags").glob("*.py"))
    assert found["files"] == [str(file) for file in files]
    assert found["errors"] == {}
    assert found["dags"] == sorted(file.stem for file in files if file.stem != "wrong_shops")
