"""What `make` runs: the local Airflow, the demo, and the tools that keep the project's files in step."""
