"""What can become of a source record, and why: the stable words of reports, store and tests."""

from __future__ import annotations

from enum import StrEnum


class PipelineName(StrEnum):
    """One sync, or the comparison of both sides, as the store and the reports call it."""

    CONTACTS = "contacts"
    PRODUCTS = "products"
    PURCHASES = "purchases"
    NEWSLETTER = "newsletter"
    RECONCILE = "reconcile"


class Kind(StrEnum):
    """What a record is, in VTEX's words."""

    CUSTOMER = "customer"
    PRODUCT = "product"
    ORDER = "order"


class Outcome(StrEnum):
    """Every source record taken up ends in exactly one of these; their counts add up to what was read."""

    SENT = "sent"
    UNCHANGED = "unchanged"
    ALREADY_THERE = "already_there"
    DUPLICATE = "duplicate"
    EXCLUDED = "excluded"
    HELD = "held"
    REJECTED = "rejected"


class Reason(StrEnum):
    """Why a record was not plainly sent. The outcome that each belongs to is in `OUTCOME_OF`."""

    EMAIL_MISSING = "email_missing"
    EMAIL_INVALID = "email_invalid"
    EMAIL_MASKED = "email_masked"
    NAME_MISSING = "name_missing"
    URL_MISSING = "url_missing"
    PRICE_MISSING = "price_missing"
    NO_LINES = "no_lines"
    TARGET_REJECTED = "target_rejected"
    TARGET_UNCONFIRMED = "target_unconfirmed"
    CONTACT_UNRESOLVED = "contact_unresolved"
    PART_UNPAID = "part_unpaid"
    ORDER_INCOMPLETE = "order_incomplete"
    ORDER_CANCELED = "order_canceled"
    ORDER_EXCLUDED = "order_excluded"
    ERASED = "erased"
    UNKNOWN_CONTACT = "unknown_contact"
    IN_THE_FUTURE = "in_the_future"
    INSTANT_INVALID = "instant_invalid"
    TARGET_BUSY = "target_busy"
    CHANGED_SINCE = "changed_since"
    DUPLICATE_EMAIL = "duplicate_email"
    ALREADY_TRACKED = "already_tracked"


class Cause(StrEnum):
    """Why a record is not the same at both sides, as `reconcile` names it (docs/reconcile.md)."""

    NEVER_SENT = "never_sent"
    NOT_COVERED = "not_covered"
    TOO_YOUNG = "too_young"
    GONE = "gone"
    DIFFERS = "differs"
    REJECTED = "rejected"
    HELD = "held"
    CANCELED = "canceled"
    EXCLUDED = "excluded"
    ERASED = "erased"
    DUPLICATE = "duplicate"
    HIDDEN = "hidden"
    SHOWN_AGAIN = "shown_again"
    NO_LONGER_LISTED = "no_longer_listed"
    OTHER_ID = "other_id"
    CANCELED_SINCE = "canceled_since"
    EXCLUDED_BUT_THERE = "excluded_but_there"
    OTHER_TIME = "other_time"
    UNKNOWN_AT_VTEX = "unknown_at_vtex"
    NOT_LOOKED_UP = "not_looked_up"
    ONLY_AT_CONNECTIF = "only_at_connectif"


AS_IT_SHOULD_BE = frozenset(
    {
        Cause.TOO_YOUNG,
        Cause.HELD,
        Cause.CANCELED,
        Cause.EXCLUDED,
        Cause.ERASED,
        Cause.DUPLICATE,
        Cause.HIDDEN,
        Cause.OTHER_TIME,
        Cause.ONLY_AT_CONNECTIF,
    }
)
"""Differences that nobody has to do anything about: they are meant, or the next run sees to them."""


class Drop(StrEnum):
    """An optional field, or a line, that was left out of a record which still went."""

    PHONE_INVALID = "phone_invalid"
    BIRTH_DATE_INVALID = "birth_date_invalid"
    IMAGE_INVALID = "image_invalid"
    DATE_INVALID = "date_invalid"
    LINE_WITHOUT_PRICE = "line_without_price"
    LINE_NEGATIVE = "line_negative"
    LINE_UNKNOWN = "line_unknown"
    FIELD_UNREADABLE = "field_unreadable"


OUTCOME_OF: dict[Reason, Outcome] = {
    Reason.EMAIL_MISSING: Outcome.REJECTED,
    Reason.EMAIL_INVALID: Outcome.REJECTED,
    Reason.EMAIL_MASKED: Outcome.REJECTED,
    Reason.NAME_MISSING: Outcome.REJECTED,
    Reason.URL_MISSING: Outcome.REJECTED,
    Reason.PRICE_MISSING: Outcome.REJECTED,
    Reason.NO_LINES: Outcome.REJECTED,
    Reason.TARGET_REJECTED: Outcome.REJECTED,
    Reason.TARGET_UNCONFIRMED: Outcome.REJECTED,
    Reason.CONTACT_UNRESOLVED: Outcome.HELD,
    Reason.PART_UNPAID: Outcome.HELD,
    Reason.ORDER_INCOMPLETE: Outcome.EXCLUDED,
    Reason.ORDER_CANCELED: Outcome.EXCLUDED,
    Reason.ORDER_EXCLUDED: Outcome.EXCLUDED,
    Reason.ERASED: Outcome.EXCLUDED,
    Reason.UNKNOWN_CONTACT: Outcome.EXCLUDED,
    Reason.IN_THE_FUTURE: Outcome.REJECTED,
    Reason.INSTANT_INVALID: Outcome.REJECTED,
    Reason.TARGET_BUSY: Outcome.HELD,
    Reason.CHANGED_SINCE: Outcome.EXCLUDED,
    Reason.DUPLICATE_EMAIL: Outcome.DUPLICATE,
    Reason.ALREADY_TRACKED: Outcome.ALREADY_THERE,
}
