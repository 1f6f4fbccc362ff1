"""Whether the target refused most of a run's writes for one and the same reason.

One odd record is refused for a reason of its own. A wrong shop domain, a missing scope or a field that does
not exist refuses every record alike, and a small shop never reaches the limits for rejected records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from include.connectif.vocabulary import SETUP_CODES, SETUP_TEXTS
from include.outcomes import Reason
from include.state import RecordOutcome

_FEWEST = 3
"""So many refusals for the same reason are no chance. For a reason of the setup, one is enough."""


class CommonRefusal(NamedTuple):
    """`refused` of `written` writes had this reason, in our words."""

    refused: int
    written: int
    reason: str

    def __str__(self) -> str:
        return (
            f"the target refused {self.refused:,} of {self.written:,} writes for the same reason: "
            f"{self.reason}. Correct the setup (make doctor says what is wrong), then trigger the DAG with "
            f"mode replay and replay {Reason.TARGET_REJECTED}"
        )


def find_common_refusal(rows: Iterable[RecordOutcome], sent: int) -> CommonRefusal | None:
    """The reason for which more than half of the writes were refused; None if there is none.

    `rows` are the outcomes of the run, `sent` is the number of records that were accepted.
    """
    details = Counter(row.detail for row in rows if row.reason is Reason.TARGET_REJECTED)
    if not details:
        return None
    (detail, refused), *_ = details.most_common(1)
    written = sent + details.total()
    if 2 * refused <= written or refused < (1 if _is_of_setup(detail) else _FEWEST):
        return None
    return CommonRefusal(refused, written, detail or "a reason that is not documented")


def _is_of_setup(detail: str) -> bool:
    return detail.startswith(SETUP_CODES) or any(text in detail for text in SETUP_TEXTS)
