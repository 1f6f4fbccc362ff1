"""Instants as text of one width, `2026-11-23T10:31:34.1234567`: UTC, so that text order is time order."""

from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
DAY = 86_400 * SECOND


def micros(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(microseconds=1)


def instant_text(instant: int | datetime) -> str:
    """The text of microseconds since 1970, or of an aware datetime."""
    number = instant if isinstance(instant, int) else micros(instant)
    stamp = (EPOCH + timedelta(microseconds=number)).isoformat(timespec="microseconds")
    return f"{stamp[:26]}{number % 10}"


def instant_texts(numbers: npt.NDArray[np.int64]) -> list[str]:
    """The same for an array of microseconds, with VTEX's final Z."""
    stamps = np.datetime_as_string(numbers.astype("datetime64[us]"), unit="us").tolist()
    return [f"{stamp}{stamp[-1]}Z" for stamp in stamps]
