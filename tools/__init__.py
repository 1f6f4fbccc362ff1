"""The commands of the Makefile: local Airflow, demo, checks, measurements and generated files."""
