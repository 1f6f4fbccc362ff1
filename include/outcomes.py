"""The outcomes of a source record, and their reasons: the fixed words of reports, state store and pages."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class PipelineName(StrEnum):
    """A sync, or the comparison of both systems, as the state store and the reports name it."""

    CONTACTS = "contacts"
    PRODUCTS = "products"
    PURCHASES = "purchases"
    NEWSLETTER = "newsletter"
    RECONCILE = "reconcile"


class Kind(StrEnum):
    """The kind of a record, in VTEX's words."""

    CUSTOMER = "customer"
    PRODUCT = "product"
    ORDER = "order"


class Outcome(StrEnum):
    """Every source record that is read ends in exactly one of these; their counts add up to that number."""

    SENT = "sent"
    UNCHANGED = "unchanged"
    ALREADY_THERE = "already_there"
    DUPLICATE = "duplicate"
    EXCLUDED = "excluded"
    HELD = "held"
    REJECTED = "rejected"


class Reason(StrEnum):
    """Why a record was not simply sent: its code, its outcome, what happened, and what to do about it.

    docs/reference/reasons.md is printed from these members.
    """

    outcome: Outcome
    meaning: str
    advice: str

    # The defaults are for mypy only, which checks the lookup `Reason("erased")` against this signature.
    def __new__(
        cls, code: str, outcome: Outcome = Outcome.REJECTED, meaning: str = "", advice: str = ""
    ) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.outcome, member.meaning, member.advice = outcome, meaning, advice
        return member

    EMAIL_MISSING = (
        "email_missing",
        Outcome.REJECTED,
        "the customer's document has no e-mail address",
        "Nothing, or fill it in at VTEX (Master Data); the next run reads the change",
    )
    EMAIL_INVALID = (
        "email_invalid",
        Outcome.REJECTED,
        "the e-mail field is not a valid address",
        "Correct it at VTEX (Master Data); the next run reads the change",
    )
    EMAIL_MASKED = (
        "email_masked",
        Outcome.REJECTED,
        "VTEX shows an alias, or * in place of letters, instead of the address",
        "A few are normal. If most are masked, the key may not read personal data: ask VTEX; see the doctor",
    )
    NAME_MISSING = (
        "name_missing",
        Outcome.REJECTED,
        "the product has no name",
        "Enter one in VTEX's catalogue; the next run reads it",
    )
    URL_MISSING = (
        "url_missing",
        Outcome.REJECTED,
        "the product has no text link, so it has no page in the shop",
        "Enter one in VTEX's catalogue (Text link); the next run reads it",
    )
    PRICE_MISSING = (
        "price_missing",
        Outcome.REJECTED,
        "the product has no offer, no price sent before, and no base price",
        "Give one of its SKUs a price in VTEX, or remove the product from the catalogue",
    )
    NO_LINES = (
        "no_lines",
        Outcome.REJECTED,
        "no line of the order can be sent: the products no longer exist, or have no price",
        "Check the order in VTEX; usually there is nothing to do",
    )
    TARGET_REJECTED = (
        "target_rejected",
        Outcome.REJECTED,
        "the other system rejected the record: the detail has its code and its sentence",
        "E0103, E0201: authorise the shop's domain at Connectif. Else correct the named field, and replay",
    )
    TARGET_UNCONFIRMED = (
        "target_unconfirmed",
        Outcome.REJECTED,
        "Connectif's import ended twice and counted the row neither as accepted nor as rejected",
        "The next run sends it again: the window stays uncovered. If that fails too, ask Connectif's support",
    )
    CONTACT_UNRESOLVED = (
        "contact_unresolved",
        Outcome.HELD,
        "VTEX does not show the customer's real address yet, or did not accept a subscription change",
        "Later runs retry it (purchases for held_days); guests of marketplaces stay held",
    )
    PART_UNPAID = (
        "part_unpaid",
        Outcome.HELD,
        "another part of the checkout is not paid yet, and a purchase that was sent accepts no further part",
        "Nothing: it is sent when that part is paid or canceled. If it is canceled after held_days: replay",
    )
    ORDER_INCOMPLETE = (
        "order_incomplete",
        Outcome.EXCLUDED,
        "the checkout was not completed, or the order has no creation date",
        "Nothing. If it is completed later, run its day again or replay it",
    )
    ORDER_CANCELED = (
        "order_canceled",
        Outcome.EXCLUDED,
        "the order is canceled or about to be, or has only gifts and all other parts are canceled",
        "Nothing: a canceled order is not a purchase",
    )
    ORDER_EXCLUDED = (
        "order_excluded",
        Outcome.EXCLUDED,
        "the order is not this shop's sale, has another currency, is not paid yet, or a setting excludes it",
        "Compare the detail with [purchases] in include/settings.toml: sales_channels, statuses, sellers, "
        "currency",
    )
    ERASED = (
        "erased",
        Outcome.EXCLUDED,
        "the person asked to be erased, and the sync writes nothing about them",
        "Nothing: this is intended",
    )
    UNKNOWN_CONTACT = (
        "unknown_contact",
        Outcome.EXCLUDED,
        "VTEX has no customer with this address, even after three look-ups",
        "Nothing: the sync creates no customer in VTEX for a subscription change",
    )
    IN_THE_FUTURE = (
        "in_the_future",
        Outcome.REJECTED,
        "the event's time is later than now plus newsletter.future_tolerance_minutes",
        "Correct the sender's clock, and send the event again",
    )
    INSTANT_INVALID = (
        "instant_invalid",
        Outcome.REJECTED,
        "the event's time cannot be read",
        "Send it again in ISO 8601 with an offset",
    )
    TARGET_BUSY = (
        "target_busy",
        Outcome.HELD,
        "VTEX did not accept the subscription change; or one system gave no readable answer for the order or "
        "for another part of its checkout",
        "Nothing: later runs retry it (purchases for held_days). If it is never sent, ask that vendor",
    )
    NOT_LIVE = (
        "not_live",
        Outcome.HELD,
        "the shop is not live, so the subscription change waits",
        "Set run.live to true: the next run of update_newsletter or sync_contacts applies it",
    )
    CHANGED_SINCE = (
        "changed_since",
        Outcome.EXCLUDED,
        "the customer made another choice in the shop after the subscription change",
        "Nothing: the later choice counts",
    )
    DUPLICATE_EMAIL = (
        "duplicate_email",
        Outcome.DUPLICATE,
        "another document with this address was changed later, and is sent instead",
        "Nothing, or merge the two documents in VTEX",
    )
    ALREADY_TRACKED = (
        "already_tracked",
        Outcome.ALREADY_THERE,
        "Connectif already has the purchase, from the web tag or an earlier run",
        "Nothing: this is success. If it lacks this order, delete it there, and run the order by only",
    )


_CONTACTS, _PRODUCTS, _PURCHASES = PipelineName.CONTACTS, PipelineName.PRODUCTS, PipelineName.PURCHASES
_ALL = (_CONTACTS, _PRODUCTS, _PURCHASES)
_EXPECTED, _TO_LOOK_AT = "expected", "to look at"


class Cause(StrEnum):
    """Why a record differs between the two systems, in `reconcile`: its code, the pipelines that may find it,
    whether it is expected, what it means, and what to do about it.

    An expected difference needs no action: it is intended, or the next run resolves it.
    docs/reference/causes.md is printed from these members.
    """

    pipelines: tuple[PipelineName, ...]
    is_expected: bool
    meaning: str
    advice: str

    # The defaults are for mypy only, which checks the lookup `Cause("gone")` against this signature.
    def __new__(
        cls,
        code: str,
        pipelines: tuple[PipelineName, ...] = (),
        expected: str = "",
        meaning: str = "",
        advice: str = "",
    ) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.pipelines, member.is_expected = pipelines, expected == _EXPECTED
        member.meaning, member.advice = meaning, advice
        return member

    NEVER_SENT = (
        "never_sent",
        (_PURCHASES, _PRODUCTS),
        _TO_LOOK_AT,
        "a run covered that time and did not send it",
        "Purchases: trigger reconcile with repair. Products: the next sync_products sends them",
    )
    NOT_COVERED = (
        "not_covered",
        (_PURCHASES, _CONTACTS),
        _TO_LOOK_AT,
        "no run covered that time",
        "Back-fill those days. Purchases also: trigger reconcile with repair. Contacts also: mode full",
    )
    TOO_YOUNG = (
        "too_young",
        (_PURCHASES, _CONTACTS),
        _EXPECTED,
        "it is newer than the last run",
        "Nothing: the next run sends it. A repair leaves it to that run, which may still trigger workflows",
    )
    GONE = (
        "gone",
        _ALL,
        _TO_LOOK_AT,
        "it was sent, or the web tag reported it, and Connectif no longer has it",
        "Purchases: trigger reconcile with repair, unless it was deleted on purpose. Products: the next "
        "sync_products sends them. Contacts: sync_contacts with only and the id, or with mode full",
    )
    DIFFERS = (
        "differs",
        (_PRODUCTS, _CONTACTS),
        _TO_LOOK_AT,
        "fields differ from what was sent: the detail names them",
        "Run the sync again. Contacts: with only and the id, or with mode full. If it happens again, "
        "another program changes them at Connectif",
    )
    REJECTED = (
        "rejected",
        _ALL,
        _TO_LOOK_AT,
        "the mapping or Connectif refused it: the detail is the reason code",
        "Fix what the reason code says; a change at VTEX sends it again. Purchases: then trigger reconcile "
        "with repair",
    )
    HELD = (
        "held",
        (_PURCHASES,),
        _EXPECTED,
        "the customer's address is not known yet, or one side did not answer for it",
        "Nothing: the next runs of sync_purchases retry it for held_days. A repair sends it if it can be "
        "sent now",
    )
    CANCELED = (
        "canceled",
        (_PURCHASES,),
        _EXPECTED,
        "it is canceled at VTEX, and Connectif does not have it",
        "Nothing",
    )
    EXCLUDED = (
        "excluded",
        (_PURCHASES,),
        _EXPECTED,
        "it is incomplete, sold elsewhere, or left out by a setting, and Connectif does not have it",
        "Nothing",
    )
    ERASED = (
        "erased",
        (_PURCHASES, _CONTACTS),
        _EXPECTED,
        "the person was erased here",
        "Nothing",
    )
    DUPLICATE = (
        "duplicate",
        (_CONTACTS,),
        _EXPECTED,
        "another document with the same address was changed later",
        "Nothing",
    )
    HIDDEN = (
        "hidden",
        (_PRODUCTS,),
        _EXPECTED,
        "VTEX lists it, and the shop's search does not show it",
        "Nothing: products that the search does not show are not sent",
    )
    SHOWN_AGAIN = (
        "shown_again",
        (_PRODUCTS,),
        _TO_LOOK_AT,
        "it was withdrawn, and the shop shows it again",
        "The next sync_products sends it",
    )
    NO_LONGER_LISTED = (
        "no_longer_listed",
        (_PRODUCTS,),
        _TO_LOOK_AT,
        "it was sent before, and VTEX no longer lists it",
        "The next sync_products sends it as out of stock",
    )
    OTHER_ID = (
        "other_id",
        (_PURCHASES,),
        _TO_LOOK_AT,
        "Connectif has it under another form of id",
        "Set purchases.purchase_id_source to the form that the shop's web tag reports",
    )
    CANCELED_SINCE = (
        "canceled_since",
        (_PURCHASES,),
        _TO_LOOK_AT,
        "it is at Connectif, and was canceled or replaced at VTEX later",
        "Delete it at Connectif if it must not count; the sync never deletes purchases",
    )
    EXCLUDED_BUT_THERE = (
        "excluded_but_there",
        (_PURCHASES,),
        _TO_LOOK_AT,
        "it is at Connectif, although a setting leaves it out or it was sold elsewhere",
        "Delete it at Connectif, or correct the setting; the sync never deletes purchases",
    )
    OTHER_TIME = (
        "other_time",
        (_PURCHASES,),
        _EXPECTED,
        "both sides have it, at different times by their clocks",
        "Nothing",
    )
    UNKNOWN_AT_VTEX = (
        "unknown_at_vtex",
        (_PURCHASES,),
        _TO_LOOK_AT,
        "VTEX has no such order",
        "Find out which other system sends purchases to Connectif: a till, a marketplace, a test",
    )
    NOT_LOOKED_UP = (
        "not_looked_up",
        (_PURCHASES,),
        _TO_LOOK_AT,
        "only Connectif has it, and reconcile.lookups is used up",
        "Compare fewer days, or raise the setting",
    )
    ONLY_AT_CONNECTIF = (
        "only_at_connectif",
        (_CONTACTS,),
        _EXPECTED,
        "guests, sign-ups and visitors that the web tag saw; the key is Connectif's id",
        "Nothing: the sync never changes them",
    )


class Drop(StrEnum):
    """A field or a line that was left out of a record: its code, what happened, and what to do about it.

    The record itself was sent.
    """

    meaning: str
    advice: str

    # The defaults are for mypy only, which checks the lookup `Drop("date_invalid")` against this signature.
    def __new__(cls, code: str, meaning: str = "", advice: str = "") -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning, member.advice = meaning, advice
        return member

    PHONE_INVALID = (
        "phone_invalid",
        "the customer has no phone number that can be dialled; the rest was sent",
        "Correct it at VTEX, or the country of the connection, which applies to numbers without a prefix",
    )
    BIRTH_DATE_INVALID = (
        "birth_date_invalid",
        "the birth date is before 1900 or after today; the rest was sent",
        "Correct it at VTEX",
    )
    IMAGE_INVALID = (
        "image_invalid",
        "the picture has no usable address; the product was sent without it",
        "Upload the picture again in VTEX",
    )
    DATE_INVALID = (
        "date_invalid",
        "a date cannot be read (release date, or an extra field); the rest was sent",
        "Correct it at VTEX",
    )
    LINE_WITHOUT_PRICE = (
        "line_without_price",
        "a line's product is in neither system and has no price; the purchase was sent without the line",
        "Nothing, or give the product a price in VTEX",
    )
    LINE_NEGATIVE = (
        "line_negative",
        "VTEX gives a line of the order a total below 0; it was sent as 0",
        "Check the promotion in VTEX: a fixed discount can exceed the price of a small measure",
    )
    LINE_UNKNOWN = (
        "line_unknown",
        "the product of an item is not known (a change added it, or it has no product id); the purchase was "
        "sent without the line",
        "Nothing, or show the product in VTEX's catalogue before the order is sent",
    )
    FIELD_UNREADABLE = (
        "field_unreadable",
        "a field has a type that VTEX never uses for it, so its value is not known; the rest was sent",
        "Compare the record in VTEX. If many records have it, VTEX has changed its responses: report it",
    )
