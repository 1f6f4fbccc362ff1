"""The error tree, ordered by the reaction that an error needs.

A message names the system, the call, the answer and the action. It never holds a token, an address, a name or
a response body.
"""

from __future__ import annotations


class SyncError(Exception):
    """The base of all errors that the sync raises on purpose."""


class ConfigurationError(SyncError):
    """A person must change something (a key, a permission, a setting). Fail now, never retry."""


class ParameterError(ConfigurationError):
    """A run has parameters that do not exist or contradict each other. Trigger another run."""


class NotARecord(ConfigurationError):
    """The input is not an id or address of any kind that may be looked up."""


class MissingConnection(ConfigurationError):
    """The Airflow connection does not exist: no run can start before a person creates it.

    The message ends with `advice`, which says how.
    """

    def __init__(self, message: str, *, advice: str) -> None:
        super().__init__(f"{message}. {advice}")
        self.advice = advice


class TemporaryError(SyncError):
    """The same work may succeed later (timeout, 429, 5xx). The client has retried; Airflow retries next.

    `retry_after_seconds` is the vendor's Retry-After, if it sent one.
    """

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class InfrastructureError(TemporaryError):
    """Our own disk or state store fails. No record is rejected for it; Airflow retries."""


class RecordRejected(SyncError):
    """The target rejects this one record: it is counted and stored with its reason, and the run continues.

    `code` is the target's own code (`E0103`) or its HTTP status as text, `detail` is a sentence without
    personal data. `private` is the target's own text, which may quote a customer: only for the state store.
    """

    def __init__(self, message: str, *, code: str, detail: str = "", private: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.detail = detail
        self.private = private


class ContractError(SyncError):
    """The vendor's answer has an unknown form. Fail now, never retry."""


class StagingError(SyncError):
    """A staged file of this run is missing or damaged, so later stages would be wrong. Fail now, never retry:
    only a cleared run writes the file again.
    """


class StagingFolderGone(StagingError):
    """The whole folder of an earlier task is missing: it was removed, or this machine does not reach it."""


class UnsafeChange(SyncError):
    """A person should check the run before it continues (a mass change, too many rejected records).

    Fail now, never retry; the message says what was found and how to allow it.
    """


class MassChangeBlocked(UnsafeChange):
    """The mass-change guard stopped the run: it would change too many records at once."""


class TooManyRejected(UnsafeChange):
    """The run has sent all that it could, but more records were rejected than the settings allow."""
