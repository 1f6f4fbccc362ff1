"""An ordinary Python library: what the sync does, without any Airflow in it."""
