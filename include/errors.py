"""The error tree, by what has to happen next.

A message names the system, the call, what came back and what to do. It never carries a token, an
address, a name or a response body.
"""

from __future__ import annotations


class SyncError(Exception):
    """Base of all errors that the sync raises on purpose."""


class ConfigurationError(SyncError):
    """A person must change something (a key, a right, a setting). Fail now, never retry."""


class ParameterError(ConfigurationError):
    """A run was asked for with parameters that do not exist or contradict each other. Trigger another one."""


class NotARecord(ConfigurationError):
    """The text that a person gave to look up is no id or address of any kind that may be looked up."""


class MissingConnection(ConfigurationError):
    """There is no such Airflow connection: nothing can run before a person has made it.

    `advice` says how, and ends the message.
    """

    def __init__(self, message: str, *, advice: str) -> None:
        super().__init__(f"{message}. {advice}")
        self.advice = advice


class TemporaryError(SyncError):
    """The same work may succeed later (time-out, 429, 5xx). The client has retried; Airflow retries next.

    `retry_after_seconds` is what the vendor asked for, where it did.
    """

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class InfrastructureError(TemporaryError):
    """Our own disk or state store fails, no vendor and no record: no record pays for it. Airflow retries."""


class RecordRejected(SyncError):
    """The target refuses this one record: it is counted and kept with its reason, the run goes on.

    `code` is the target's own code (`E0103`) or its HTTP status as text, `detail` a sentence without
    personal data. `private` is the target's own text, which may quote a customer: only for the store.
    """

    def __init__(self, message: str, *, code: str, detail: str = "", private: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.detail = detail
        self.private = private


class ContractError(SyncError):
    """The vendor answered something that we do not know. Stop loudly."""


class StagingError(SyncError):
    """A staged file of this run is gone or damaged, so what depends on it cannot be right. Fail now, never
    retry: only the whole run, cleared, makes the file again.
    """


class UnsafeChange(SyncError):
    """The run would do something that a person should look at first (a mass change, too many rejects).

    Fail now, never retry; the message says what was found and how to let it through.
    """


class MassChangeBlocked(UnsafeChange):
    """Too much of the catalogue would turn out of stock or vanish at once."""


class TooManyRejected(UnsafeChange):
    """All that could be done is done, but more records were rejected than the settings allow."""
