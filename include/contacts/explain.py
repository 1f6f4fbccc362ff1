"""Explain a customer: VTEX's documents, the mapping, the runs, the subscription changes and the contact."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from include.contacts.fields import CONTACT_FIELDS, OUR_COLUMNS
from include.contacts.found_customer import Document, FoundCustomer, find_customer
from include.outcomes import Kind, PipelineName, Reason
from include.pipeline.explain_context import Coverage, ExplainContext
from include.pipeline.explain_history import Event, dated_events, outcome_events, timeline
from include.pipeline.explain_sentences import (
    conclude,
    conclude_present,
    conclude_unsent,
    is_refusal,
    meaning_of,
    sent_by,
)
from include.pipeline.explain_table import Sides, compare_fields, differing_fields, group_rows
from include.pipeline.explain_values import FieldFormat
from include.pipeline.explanation import (
    Advice,
    Comparison,
    Conclusion,
    Explanation,
    Part,
    Presence,
    advice_on_drops,
    explain_reason,
    facts_of,
    trigger_command,
    vendor_text_parts,
)
from include.pipeline.preview import mask
from include.state import StoredReport

_DAG = "sync_contacts"
_NEWSLETTER_STATUS = "_newsletterSubscriptionStatus"
_PUBLIC_OF_DOCUMENTS = frozenset({"id", "isNewsletterOptIn", "createdIn", "updatedIn"})
_DATES_OF_DOCUMENTS = {"createdIn": "created at VTEX", "updatedIn": "changed at VTEX"}
_DATES_OF_CONTACTS = {
    "_createdAt": "created at Connectif",
    "_updatedAt": "last changed at Connectif",
    "_emailLastUnsubscribedDate": "unsubscribed at Connectif",
}
# Connectif: contact, read-only fields (read 2026-11-23). All other fields may hold personal data
_OTHER_DATES = frozenset(
    ("_emailLastBouncedDate", "_emailLastSoftBounceDate", "_firstPurchaseDate", "_lastPurchaseDate")
)
_DAYS = frozenset(field.target for field in CONTACT_FIELDS if field.compared_length)
_PUBLIC_OF_CONTACTS = _OTHER_DATES | {
    *("id", _NEWSLETTER_STATUS, "_emailStatus", "_smsSubscriptionStatus", "_mobilePhoneStatus", "_points"),
    *("_isAnonymous", "_hasPushSubscriptions", "_emailSoftBounces", "_expectedPurchases", "_churnRate"),
    *("_totalPurchases", "_totalPurchasesAmount", "_averagePurchasesAmount", "_recency", "_frequency"),
    *("_rfm", "_monetary", "_clv", "_pAlive"),
}


def explain_customer(context: ExplainContext, record: str) -> Explanation:
    """`record` is an address or the id of a `CL` document.

    Shows all documents with the address, because only one of them counts.
    """
    customer = find_customer(context, record)
    comparison = _compare(context, customer)
    differing = differing_fields(comparison.groups)
    seen = (customer.documents, customer.there, customer.stored, customer.erased_at)
    texts = context.state.vendor_texts.of(PipelineName.CONTACTS, customer.stored)
    return Explanation(
        Kind.CUSTOMER,
        mask(record) if "@" in record else record,
        is_known=any(seen) or customer.subscription.is_known,
        zone=context.zone,
        conclusion=_conclude(context, customer, differing),
        comparison=comparison,
        history=timeline(_events(customer)),
        advice=tuple(_advise(customer, differing, context.dag_id(_DAG))),
        parts=(
            *_document_parts(context, customer.documents),
            *vendor_text_parts(texts.values()),
            *customer.subscription.parts(),
        ),
    )


def _compare(context: ExplainContext, customer: FoundCustomer) -> Comparison:
    """The sync sends a newsletter status only to create a contact, so it is no difference of another one."""
    there = customer.there and {
        name: value for name, value in customer.there.items() if name not in _DATES_OF_CONTACTS
    }
    now = {name: value for name, value in (customer.row or {}).items() if name not in OUR_COLUMNS}
    if customer.row and there is None:
        is_asked = context.settings.contacts.consent_for_new_contacts == "vtex"
        now[_NEWSLETTER_STATUS] = customer.row["consent"] if is_asked else "none"
    fields = FieldFormat(
        context.zone,
        instants=_OTHER_DATES,
        days=_DAYS,
        is_personal=lambda name: name not in _PUBLIC_OF_CONTACTS,
    )
    note = "Runs do not keep the values that they sent of a customer"
    return Comparison(group_rows("", compare_fields(fields, Sides(now, there))), False, note)


def _conclude(context: ExplainContext, customer: FoundCustomer, differing: list[str]) -> Conclusion:
    if customer.erased_at:
        return conclude_unsent(Reason.ERASED, "", is_there=customer.there is not None)
    if not customer.documents:
        return _conclude_unknown(customer)
    if reason := _reason_of_record(customer):
        return conclude_unsent(reason, "")
    if customer.there is None:
        return _conclude_missing(context, customer)
    origin = "with the same values as VTEX"
    if customer.covering and not customer.refusal:
        origin = _sent_by(context, customer.covering)
    return conclude_present(differing, origin, _next_change(context, customer))


def _reason_of_record(customer: FoundCustomer) -> Reason | None:
    """Why the requested document, or with an address every document, is not sent."""
    if customer.record in customer.unsent or customer.row is None:
        return customer.unsent.get(customer.record) or next(iter(customer.unsent.values()), None)
    return None


def _conclude_unknown(customer: FoundCustomer) -> Conclusion:
    waits = (
        "a subscription change waits until VTEX knows the customer" if customer.subscription.waiting else ""
    )
    if customer.there is None:
        return conclude(Presence.UNKNOWN, "Not in VTEX and not in Connectif", waits)
    return conclude(Presence.DIFFERS, "In Connectif, but VTEX has no such customer", waits)


def _conclude_missing(context: ExplainContext, customer: FoundCustomer) -> Conclusion:
    if customer.refusal and customer.refusal.reason:
        return conclude_unsent(customer.refusal.reason, customer.refusal.detail)
    if customer.covering:
        sent = _sent_by(context, customer.covering)
        return conclude(Presence.MISSING, f"Not in Connectif, although {sent}", "it was deleted there since")
    return conclude(Presence.MISSING, "Not in Connectif", _WHEN_SENT[_coverage(context, customer)])


_WHEN_SENT = {
    Coverage.NEXT: "the next run sends it",
    Coverage.READ: "later runs send it only after its next change at VTEX",
    Coverage.MISSED: "no run has covered the last change at VTEX",
}


def _next_change(context: ExplainContext, customer: FoundCustomer) -> str:
    """When the fields that differ are sent."""
    if (refused := customer.refusal) and refused.reason:
        return f"the last values were {meaning_of(refused.reason, refused.detail)}"
    return _WHEN_SENT[_coverage(context, customer)]


def _coverage(context: ExplainContext, customer: FoundCustomer) -> Coverage:
    if customer.covering:
        return Coverage.READ
    if customer.changed is None or not context.state.progress.is_activated(PipelineName.CONTACTS):
        return Coverage.NEXT
    return context.coverage_of(PipelineName.CONTACTS, customer.changed)


def _sent_by(context: ExplainContext, run: StoredReport) -> str:
    return sent_by(run.run_key, _end_of(run), context.now(), context.zone)


def _end_of(run: StoredReport) -> datetime:
    return run.finished_at or run.started_at


def _advise(customer: FoundCustomer, differing: list[str], dag_id: str) -> Iterator[Advice]:
    if customer.erased_at:
        yield Advice(explain_reason(Reason.ERASED))
    elif not customer.documents:
        yield Advice("VTEX has no such customer: nothing is sent, and a subscription change is not written")
    yield from _advise_on_documents(customer, dag_id)
    if customer.row and not customer.refusal and (customer.there is None or differing):
        yield Advice("To send it now, run it alone", trigger_command(dag_id, only=str(customer.row["id"])))
    yield from advice_on_drops(customer.drops)
    yield from customer.subscription.advice()


def _advise_on_documents(customer: FoundCustomer, dag_id: str) -> Iterator[Advice]:
    """What to do about documents that are not sent, by the mapping now or by the last run."""
    for key, reason in customer.unsent.items():
        if not customer.erased_at:
            which = f"Document {key}: " if len(customer.documents) > 1 else ""
            yield Advice(f"{which}{explain_reason(reason)}")
    for key, stored in customer.stored.items():
        if stored.reason and key not in customer.unsent:
            is_refused = is_refusal(stored.reason)
            replay = trigger_command(dag_id, mode="replay", replay=key) if is_refused else ""
            yield Advice(explain_reason(stored.reason, stored.detail), replay)


def _events(customer: FoundCustomer) -> Iterator[Event]:
    several = len(customer.documents) > 1
    for document in customer.documents:
        prefix = f"document {document['id']} " if several else ""
        yield from dated_events(document, {k: prefix + text for k, text in _DATES_OF_DOCUMENTS.items()})
    if (run := customer.covering) and not customer.refusal:
        yield Event(_end_of(run), "sent by the run that covers the last change", run.run_key)
    for key, stored in customer.stored.items():
        yield from outcome_events(stored, f"document {key}" if several else "")
    yield from customer.subscription.events()
    if customer.erased_at:
        yield Event(customer.erased_at, "erased: the sync writes nothing about this person since")
    yield from dated_events(customer.there or {}, _DATES_OF_CONTACTS)


def _document_parts(context: ExplainContext, documents: list[Document]) -> tuple[Part, ...]:
    fields = FieldFormat(
        context.zone,
        instants=frozenset(_DATES_OF_DOCUMENTS),
        days=frozenset({"birthDate"}),
        is_personal=lambda name: name not in _PUBLIC_OF_DOCUMENTS,
    )
    return tuple(
        Part(f"Document {d['id']} at VTEX", facts_of(fields, {n: v for n, v in d.items() if n != "id"}))
        for d in documents
    )
