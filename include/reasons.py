"""What each code of a report means, and what to do about it: for explanations, and for docs/reference/reasons.md."""

from __future__ import annotations

from typing import NamedTuple

from include.outcomes import Drop, Reason


class Meaning(NamedTuple):
    """A sentence on what happened, and one on what to do."""

    what: str
    advice: str


REASONS: dict[Reason, Meaning] = {
    Reason.EMAIL_MISSING: Meaning(
        "the customer's document has no e-mail",
        "Nothing, or fill it in at VTEX (Master Data); the next run takes the change",
    ),
    Reason.EMAIL_INVALID: Meaning(
        "what stands in the e-mail field is no address",
        "Correct it at VTEX (Master Data); the next run takes the change",
    ),
    Reason.EMAIL_MASKED: Meaning(
        "VTEX hides the address behind an alias or *",
        "A few are normal. If most are, the key may not see personal data: ask VTEX, see the doctor",
    ),
    Reason.NAME_MISSING: Meaning(
        "the product has no name", "Give it one in VTEX's catalogue; the next run takes it"
    ),
    Reason.URL_MISSING: Meaning(
        "the product has no text link, so it has no page in the shop",
        "Give it one in VTEX's catalogue (Text link); the next run takes it",
    ),
    Reason.PRICE_MISSING: Meaning(
        "no offer, no price sent before, and no base price",
        "Give one of its SKUs a price in VTEX, or take the product out of the catalogue",
    ),
    Reason.NO_LINES: Meaning(
        "no line of the order can be sent: all are gone, or none has a price",
        "Look at the order in VTEX; usually there is nothing to do",
    ),
    Reason.TARGET_REJECTED: Meaning(
        "the other side refused it: its code and sentence stand beside the record",
        "E0103, E0201: authorise the shop's domain at Connectif. Else correct what it names, and replay",
    ),
    Reason.TARGET_UNCONFIRMED: Meaning(
        "Connectif's import ended twice without counting the row as taken or refused",
        "The next run sends it again: the time stays uncovered. If it comes back, ask Connectif's support",
    ),
    Reason.CONTACT_UNRESOLVED: Meaning(
        "VTEX does not tell the customer's real address (yet), or failed to take a subscription change",
        "Later runs try again by themselves (purchases for held_days); guests of marketplaces stay so",
    ),
    Reason.PART_UNPAID: Meaning(
        "another part of the checkout is not paid yet, and a sent purchase takes no further part",
        "Nothing: it goes when that part is paid or canceled; canceled after held_days: replay",
    ),
    Reason.ORDER_INCOMPLETE: Meaning(
        "the checkout was not completed, or the order has no creation date",
        "Nothing; when it is completed later, run its day again or replay it",
    ),
    Reason.ORDER_CANCELED: Meaning(
        "the order is canceled, or about to be; or it holds only gifts of a checkout whose other parts are",
        "Nothing: canceled orders are no purchases",
    ),
    Reason.ORDER_EXCLUDED: Meaning(
        "the order is not this shop's own sale, in another currency, not paid yet, or left out by a setting",
        "Compare the detail with [purchases] in include/settings.toml: sales_channels, statuses, sellers, "
        "currency",
    ),
    Reason.ERASED: Meaning(
        "the person asked to be erased, and is kept out of every write",
        "Nothing: it is meant to be so",
    ),
    Reason.UNKNOWN_CONTACT: Meaning(
        "VTEX has no customer with this address, also not after three look-ups",
        "Nothing: nobody is created in VTEX for a subscription change",
    ),
    Reason.IN_THE_FUTURE: Meaning(
        "the event is dated further ahead than newsletter.future_tolerance_minutes",
        "Correct the clock of whoever sent it, and send it again",
    ),
    Reason.INSTANT_INVALID: Meaning(
        "the event's time cannot be read", "Send it again in ISO 8601 with an offset"
    ),
    Reason.TARGET_BUSY: Meaning(
        "VTEX did not take the subscription change; or one side did not answer for the order, for all parts of its "
        "checkout, or in a form that can be read",
        "Nothing: it waits and is tried again (purchases for held_days); if it never goes, ask that side",
    ),
    Reason.CHANGED_SINCE: Meaning(
        "the customer has chosen anew in the shop since the subscription change",
        "Nothing: the later choice counts",
    ),
    Reason.DUPLICATE_EMAIL: Meaning(
        "another document with this address was changed later: that one is sent",
        "Nothing, or merge the two documents in VTEX",
    ),
    Reason.ALREADY_TRACKED: Meaning(
        "Connectif has the purchase already, from the web tag or an earlier run",
        "Nothing: this is success, unless it lacks this order: delete it there, and run the order by only",
    ),
}

DROPS: dict[Drop, Meaning] = {
    Drop.PHONE_INVALID: Meaning(
        "no phone of the customer can be dialled; the rest was sent",
        "Correct it at VTEX, or the country of the connection, to which numbers without prefix belong",
    ),
    Drop.BIRTH_DATE_INVALID: Meaning(
        "the birth date is before 1900 or after today; the rest was sent", "Correct it at VTEX"
    ),
    Drop.IMAGE_INVALID: Meaning(
        "the picture has no usable address; the product went without", "Upload the picture in VTEX anew"
    ),
    Drop.DATE_INVALID: Meaning(
        "a date cannot be read (release date, or an extra field); the rest was sent", "Correct it at VTEX"
    ),
    Drop.LINE_WITHOUT_PRICE: Meaning(
        "a line's product exists nowhere and has no price; the purchase went without the line",
        "Nothing, or give the product a price in VTEX",
    ),
    Drop.LINE_NEGATIVE: Meaning(
        "VTEX gives a line of the order a total below 0; it was sent as 0",
        "Check the promotion in VTEX: a fixed discount can exceed the price of a small measure",
    ),
    Drop.LINE_UNKNOWN: Meaning(
        "the product of an item is not known (a change added it, or it has no product id); the purchase went "
        "without the line",
        "Nothing, or show the product in VTEX's catalogue before the order is sent",
    ),
    Drop.FIELD_UNREADABLE: Meaning(
        "a field has a type that VTEX never gives it, so what it says is not known; the rest was sent",
        "Compare the record in VTEX; if many have it, VTEX has changed its answers: report it",
    ),
}
