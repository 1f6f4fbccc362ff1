"""DAG ids that modules outside `dags/` need."""

from __future__ import annotations

UPDATE_NEWSLETTER = "update_newsletter"
