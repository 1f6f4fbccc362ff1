"""Pages for people, drawn on the server: what they share, and the status page. No Airflow in here."""
