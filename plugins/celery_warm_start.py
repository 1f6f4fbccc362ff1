"""Imports the modules of a newsletter run in a Celery worker, before it forks the processes of its pool.

Celery imports this module when the worker starts (`[celery] extra_celery_config`: `imports`). The processes
of the pool fork the tasks, so a task has the modules at once.
"""

from __future__ import annotations

from plugins.warm_start_plugin import import_ahead

import_ahead()
