"""All hostile answers, by family."""

from __future__ import annotations

from tests.torture.hostile_bodies import BODIES, PAUSES
from tests.torture.hostile_case import Case
from tests.torture.hostile_files import ARCHIVES, REPORTS
from tests.torture.hostile_headers import HEADERS, REDIRECTS, WAITS

FAMILIES: dict[str, list[Case]] = {
    "bodies": BODIES,
    "pauses": PAUSES,
    "waits": WAITS,
    "headers": HEADERS,
    "redirects": REDIRECTS,
    "archives": ARCHIVES,
    "reports": REPORTS,
}
