"""One flow per pipeline: extract, transform, load. Knows both vendors, the mapping, the store; no Airflow."""

import os

# Arrow chooses at its first allocation. Its own allocators keep what was freed, the system's gives it back
# (docs/adr/0016). Whoever sets the variable decides.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
