"""One flow per area: extract, transform, load. Knows both vendors, the mapping, the store; no Airflow."""
