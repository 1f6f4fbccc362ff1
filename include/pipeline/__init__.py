"""What all pipelines share: runs, stages, imports, exports, guards and reports. No Airflow."""

import os

# Arrow chooses its allocator at the first allocation. Arrow's own allocators keep freed memory; the system's
# allocator returns it (docs/adr/0016). A value that the operator sets is kept.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
