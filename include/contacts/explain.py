"""Explain a customer: VTEX's documents, the mapping, the runs, the subscription changes and the contact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from include.connectif import routes
from include.contacts.documents import documents_frame, documents_table
from include.contacts.erased import map_without_erased
from include.contacts.fields import OUR_COLUMNS, SOURCE_FIELDS
from include.contacts.mapping import latest_of_each
from include.contacts.rules import contact_mapping, extra_fields_of, extra_sources_of
from include.newsletter.documents import find_documents
from include.newsletter.explain import SubscriptionRecord, read_subscription
from include.outcomes import Drop, Kind, PipelineName, Reason
from include.pipeline.erased_people import ErasedPeople
from include.pipeline.explain_context import Coverage, ExplainContext
from include.pipeline.explain_history import dated_events, outcome_events, timeline
from include.pipeline.explain_sentences import (
    conclude,
    conclude_present,
    conclude_unsent,
    is_refusal,
    meaning_of,
    sent_by,
)
from include.pipeline.explain_table import Sides, compare_fields, differing_fields, group_rows
from include.pipeline.explanation import (
    Advice,
    Comparison,
    Conclusion,
    Event,
    Explanation,
    FieldFormat,
    Part,
    Presence,
    advice_on_drops,
    explain_reason,
    trigger_command,
    vendor_text_parts,
)
from include.pipeline.preview import mask
from include.state import StoredOutcome, StoredReport
from include.values.address import email_of, problem_of, tidy_address

_DAG = "sync_contacts"
_RUNS_TO_CHECK = 100
_NEWSLETTER_STATUS = "_newsletterSubscriptionStatus"
_PUBLIC_OF_DOCUMENTS = frozenset({"id", "isNewsletterOptIn", "createdIn", "updatedIn"})
_DATES_OF_DOCUMENTS = {"createdIn": "created at VTEX", "updatedIn": "changed at VTEX"}
_DATES_OF_CONTACTS = {
    "_createdAt": "created at Connectif",
    "_updatedAt": "last changed at Connectif",
    "_emailLastUnsubscribedDate": "unsubscribed at Connectif",
}
# Connectif: contact, read-only fields (read 2026-11-23). All other fields may hold personal data
_OTHER_DATES = (
    "_emailLastBouncedDate",
    "_emailLastSoftBounceDate",
    "_firstPurchaseDate",
    "_lastPurchaseDate",
)
_PUBLIC_OF_CONTACTS = frozenset(
    {
        *(
            "id",
            _NEWSLETTER_STATUS,
            "_emailStatus",
            "_smsSubscriptionStatus",
            "_mobilePhoneStatus",
            "_points",
        ),
        *("_isAnonymous", "_hasPushSubscriptions", "_emailSoftBounces", "_totalPurchases", "_rfm", "_clv"),
        *(
            "_totalPurchasesAmount",
            "_averagePurchasesAmount",
            "_recency",
            "_frequency",
            "_monetary",
            "_pAlive",
        ),
        *("_churnRate", "_expectedPurchases", *_OTHER_DATES),
    }
)

Document = dict[str, Any]


@dataclass(frozen=True)
class _Customer:
    """What both systems and the state store have.

    `row` is the record that would be sent; `unsent` has the reasons of the other documents. `stored` has the
    outcomes of runs, by document.
    """

    record: str
    email: str
    documents: list[Document]
    row: Document | None
    unsent: dict[str, Reason]
    drops: tuple[Drop, ...]
    stored: dict[str, StoredOutcome]
    covering: StoredReport | None
    subscription: SubscriptionRecord
    there: Document | None
    erased_at: datetime | None

    @property
    def changed(self) -> datetime | None:
        """The last change at VTEX of the document that would be sent."""
        return datetime.fromtimestamp(int(self.row["changed"]) / 1e9, UTC) if self.row else None

    @property
    def refusal(self) -> StoredOutcome | None:
        """Connectif's refusal of the row, which the mapping cannot show."""
        stored = self.stored.get(str(self.row["id"])) if self.row else None
        return stored if stored and is_refusal(stored.reason) else None


def explain_customer(context: ExplainContext, record: str) -> Explanation:
    """`record` is an address or the id of a `CL` document.

    Shows all documents with the address, because only one of them counts.
    """
    customer = _read_customer(context, record)
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
        advice=tuple(_advise(customer, differing)),
        parts=(
            *_document_parts(context, customer.documents),
            *vendor_text_parts(texts.values()),
            *customer.subscription.parts(),
        ),
    )


def _read_customer(context: ExplainContext, record: str) -> _Customer:
    run = context.run(PipelineName.CONTACTS)
    documents = _documents(context, record, [*SOURCE_FIELDS, *extra_sources_of(run)])
    email = tidy_address(record) if "@" in record else next(iter(_addresses(documents)), "")
    row, unsent, drops = _map_documents(context, documents)
    ids = [str(document["id"]) for document in documents]
    return _Customer(
        record,
        email,
        documents,
        row,
        unsent,
        drops,
        context.state.records.outcomes_of(PipelineName.CONTACTS, ids or [record]),
        _covering_run(context, row),
        read_subscription(context.state, email),
        _read_contact(context, email),
        context.state.erasure.erased_at(email) if email else None,
    )


def _read_contact(context: ExplainContext, email: str) -> Document | None:
    if problem_of(email) is not None:
        return None
    return context.read_connectif(routes.READ_CONTACT, {"email": email})


def _documents(context: ExplainContext, record: str, fields: list[str]) -> list[Document]:
    if "@" in record:
        return find_documents(context.vtex, [tidy_address(record)], fields).get(tidy_address(record), [])
    document = context.vtex.client(record, fields)
    if document is None:
        return []
    email = email_of(document)
    competing = (
        find_documents(context.vtex, [email], fields).get(email, []) if problem_of(email) is None else []
    )
    return [document, *(other for other in competing if other["id"] != document["id"])]


def _addresses(documents: list[Document]) -> list[str]:
    return [email for d in documents if (email := email_of(d))]


def _map_documents(
    context: ExplainContext, documents: list[Document]
) -> tuple[Document | None, dict[str, Reason], tuple[Drop, ...]]:
    """The row that would be sent, document id → reason of the others, and why fields are left out."""
    run = context.run(PipelineName.CONTACTS)
    frame = documents_frame(documents_table(documents, extra_sources_of(run)))
    mapped = map_without_erased(
        frame, contact_mapping(run, extra_fields_of(run)), ErasedPeople(context.state)
    )
    latest = latest_of_each(mapped.rows, "_email")
    outcomes = {str(outcome.key): Reason(str(outcome.reason)) for outcome in mapped.outcomes.itertuples()}
    outcomes |= dict.fromkeys(map(str, mapped.rows["id"][~latest]), Reason.DUPLICATE_EMAIL)
    chosen = mapped.rows[latest].to_dict("records")
    rows = [{str(name): value for name, value in row.items()} for row in chosen]
    return next(iter(rows), None), outcomes, tuple(mapped.drops)


def _covering_run(context: ExplainContext, row: Document | None) -> StoredReport | None:
    """The run whose window holds the last change. Runs do not store each contact that they send, because
    they send hundreds of thousands."""
    if row is None:
        return None
    changed = datetime.fromtimestamp(int(row["changed"]) / 1e9, UTC)
    reports = context.state.reports.latest(PipelineName.CONTACTS, _RUNS_TO_CHECK)
    return next((run for run in reports if _covers(run, changed, context)), None)


def _covers(run: StoredReport, changed: datetime, context: ExplainContext) -> bool:
    report = run.report
    if report.dry_run or run.state != "success" or report.mode not in {"full", "window"}:
        return False
    if report.window is None:
        return changed <= run.started_at
    return changed in report.window.widened(timedelta(minutes=context.settings.run.overlap_minutes))


def _compare(context: ExplainContext, customer: _Customer) -> Comparison:
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
        instants=frozenset(_OTHER_DATES),
        days=frozenset({"_birthdate"}),
        is_personal=lambda name: name not in _PUBLIC_OF_CONTACTS,
    )
    note = "Runs do not keep the values that they sent of a customer"
    return Comparison(group_rows("", compare_fields(fields, Sides(now, there))), False, note)


def _conclude(context: ExplainContext, customer: _Customer, differing: list[str]) -> Conclusion:
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


def _reason_of_record(customer: _Customer) -> Reason | None:
    """Why the requested document, or with an address every document, is not sent."""
    if customer.record in customer.unsent or customer.row is None:
        return customer.unsent.get(customer.record) or next(iter(customer.unsent.values()), None)
    return None


def _conclude_unknown(customer: _Customer) -> Conclusion:
    waits = (
        "a subscription change waits until VTEX knows the customer" if customer.subscription.waiting else ""
    )
    if customer.there is None:
        return conclude(Presence.UNKNOWN, "Not in VTEX and not in Connectif", waits)
    return conclude(Presence.DIFFERS, "In Connectif, but VTEX has no such customer", waits)


def _conclude_missing(context: ExplainContext, customer: _Customer) -> Conclusion:
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


def _next_change(context: ExplainContext, customer: _Customer) -> str:
    """When the fields that differ are sent."""
    if (refused := customer.refusal) and refused.reason:
        return f"the last values were {meaning_of(refused.reason, refused.detail)}"
    return _WHEN_SENT[_coverage(context, customer)]


def _coverage(context: ExplainContext, customer: _Customer) -> Coverage:
    if customer.covering:
        return Coverage.READ
    if customer.changed is None or not context.state.progress.is_activated(PipelineName.CONTACTS):
        return Coverage.NEXT
    return context.coverage_of(PipelineName.CONTACTS, customer.changed)


def _sent_by(context: ExplainContext, run: StoredReport) -> str:
    return sent_by(run.run_key, _end_of(run), context.now(), context.zone)


def _end_of(run: StoredReport) -> datetime:
    return run.finished_at or run.started_at


def _advise(customer: _Customer, differing: list[str]) -> Iterator[Advice]:
    if customer.erased_at:
        yield Advice(explain_reason(Reason.ERASED))
    elif not customer.documents:
        yield Advice("VTEX has no such customer: nothing is sent, and a subscription change is not written")
    yield from _advise_on_documents(customer)
    if customer.row and not customer.refusal and (customer.there is None or differing):
        yield Advice("To send it now, run it alone", trigger_command(_DAG, only=str(customer.row["id"])))
    yield from advice_on_drops(customer.drops)
    yield from customer.subscription.advice()


def _advise_on_documents(customer: _Customer) -> Iterator[Advice]:
    """What to do about documents that are not sent, by the mapping now or by the last run."""
    for key, reason in customer.unsent.items():
        if not customer.erased_at:
            which = f"Document {key}: " if len(customer.documents) > 1 else ""
            yield Advice(f"{which}{explain_reason(reason)}")
    for key, stored in customer.stored.items():
        if stored.reason and key not in customer.unsent:
            is_refused = is_refusal(stored.reason)
            replay = trigger_command(_DAG, mode="replay", replay=key) if is_refused else ""
            yield Advice(explain_reason(stored.reason, stored.detail), replay)


def _events(customer: _Customer) -> Iterator[Event]:
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
        Part(f"Document {d['id']} at VTEX", fields.facts({n: v for n, v in d.items() if n != "id"}))
        for d in documents
    )
