"""Shows the health check of a Celery worker that its main loop works and reaches the broker.

Celery imports this module in the worker (`[celery] extra_celery_config`: `imports`). Celery sends a heartbeat
every two seconds; each one renews a file in the temporary folder. To look at the file's time costs nothing,
while `celery inspect ping` imports Airflow for each check, which takes seconds of CPU.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from celery.signals import heartbeat_sent

LIVENESS = "celery-worker-alive"


@heartbeat_sent.connect  # type: ignore[untyped-decorator]  # Celery has no types
def renew_file(**_: object) -> None:
    """Renew the file's time. A full disk must show as an unhealthy worker, so errors are not caught."""
    (Path(tempfile.gettempdir()) / LIVENESS).touch()
