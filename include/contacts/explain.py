"""Explain a customer: VTEX's documents, the mapping, the runs, the subscription changes and the contact."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from include.connectif import routes
from include.contacts.documents import documents_frame, documents_table
from include.contacts.erased import map_without_erased
from include.contacts.fields import CONTACT_COLUMNS, OUR_COLUMNS, SOURCE_FIELDS
from include.contacts.mapping import latest_of_each
from include.contacts.rules import contact_mapping, extra_fields_of, extra_sources_of
from include.newsletter.documents import find_documents
from include.outcomes import Drop, Kind, PipelineName, Reason
from include.pipeline.erased_people import ErasedPeople
from include.pipeline.explain_context import ExplainContext
from include.pipeline.explanation import (
    Explanation,
    Fact,
    Part,
    differing_fields,
    explain_drop,
    explain_reason,
    facts,
    format_value,
    outcome_facts,
)
from include.pipeline.preview import mask
from include.run_name import readable
from include.state import StoredReport
from include.values.address import email_of, problem_of, tidy_address

_NOT_PERSONAL = ("id", "isNewsletterOptIn", "createdIn", "updatedIn", "email")
_SET_BY_CONNECTIF = ("_createdAt", "_updatedAt", "_emailStatus", "_newsletterSubscriptionStatus")
_RUNS_TO_CHECK = 100

Document = dict[str, Any]


def explain_customer(context: ExplainContext, record: str) -> Explanation:
    """`record` is an address or the id of a `CL` document.

    Shows all documents with the address, because only one of them counts.
    """
    run = context.run(PipelineName.CONTACTS)
    fields = [*SOURCE_FIELDS, *extra_sources_of(run)]
    documents = _documents(context, record, fields)
    email = tidy_address(record) if "@" in record else next(iter(_addresses(documents)), "")
    rows, outcomes, drops = _map_documents(context, documents)
    person = context.state.hashed(email) if email else ""
    ids = [str(document["id"]) for document in documents]
    stored = context.state.records.outcomes_of(PipelineName.CONTACTS, ids or [record])
    vendor_texts = context.state.vendor_texts.of(PipelineName.CONTACTS, stored)
    changes = context.state.records.outcomes_of(PipelineName.NEWSLETTER, [person] if person else [])
    change_texts = context.state.vendor_texts.of(PipelineName.NEWSLETTER, changes)
    there = (
        context.read_connectif(routes.READ_CONTACT, {"email": email}) if problem_of(email) is None else None
    )
    parts = (
        Part("VTEX holds now", tuple(f for d in documents for f in _document_facts(d)), "no such customer"),
        Part("would be sent", tuple(f for row in rows for f in _row_facts(row)), "nothing"),
        Part("was sent last", _covering_run(context, rows), "none of the last runs covers its last change"),
        Part(
            "the last run's outcome",
            tuple(
                replace(fact, label=f"{key}, {fact.label}")
                for key in stored
                for fact in outcome_facts(stored[key], vendor_texts.get(key, ""))
            ),
            "no run rejected it",
        ),
        Part(
            "subscription changes",
            (*_subscription_state(context, person), *_change_facts(changes, change_texts)),
            "none",
        ),
        Part("Connectif holds", _contact_facts(there) if there else (), "no contact with this address"),
    )
    on_changes = [f"Subscription change, {explain_reason(o.reason)}" for o in changes.values() if o.reason]
    erased = (
        [f"This person is {explain_reason(Reason.ERASED)}"]
        if email and context.state.erasure.is_erased(email)
        else []
    )
    on_drops = [f"Left out, {explain_drop(drop)}" for drop in drops]
    on_documents = _describe_documents(documents, rows, outcomes)
    decision = (*erased, *on_documents, *on_drops, *_describe_contact(rows, there), *on_changes)
    is_known = bool(erased or documents or there or stored or changes or parts[4].facts)
    name = mask(record) if "@" in record else record
    return Explanation(Kind.CUSTOMER, name, parts, decision, is_known)


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
) -> tuple[list[Document], dict[str, Reason], tuple[Drop, ...]]:
    """The rows that would be sent, document id → reason of the others, and why fields are left out."""
    run = context.run(PipelineName.CONTACTS)
    sources = extra_sources_of(run)
    frame = documents_frame(documents_table(documents, sources))
    mapped = map_without_erased(
        frame, contact_mapping(run, extra_fields_of(run)), ErasedPeople(context.state)
    )
    latest = latest_of_each(mapped.rows, "_email")
    outcomes = {str(outcome.key): Reason(str(outcome.reason)) for outcome in mapped.outcomes.itertuples()}
    outcomes |= dict.fromkeys(map(str, mapped.rows["id"][~latest]), Reason.DUPLICATE_EMAIL)
    chosen = mapped.rows[latest].to_dict("records")
    return (
        [{str(name): value for name, value in row.items()} for row in chosen],
        outcomes,
        tuple(mapped.drops),
    )


def _document_facts(document: Document) -> tuple[Fact, ...]:
    personal = [name for name in document if name not in _NOT_PERSONAL]
    rest = {name: value for name, value in document.items() if name != "id"}
    return tuple(Fact(f"{document['id']}, {f.label}", f.value, f.personal) for f in facts(rest, personal))


def _row_facts(row: Document) -> tuple[Fact, ...]:
    consent = {"_newsletterSubscriptionStatus, if Connectif does not have the contact yet": row["consent"]}
    fields = {name: value for name, value in row.items() if name.startswith("_")}
    extra = {n: v for n, v in row.items() if n not in {*OUR_COLUMNS, *CONTACT_COLUMNS}}
    personal = [name for name in (*fields, *extra) if name != "_email"]
    return (*facts(fields | extra, personal), *facts(consent))


def _contact_facts(contact: Document) -> tuple[Fact, ...]:
    personal = [name for name in contact if name not in (*_SET_BY_CONNECTIF, "_email", "id")]
    return facts(contact, personal)


def _covering_run(context: ExplainContext, rows: list[Document]) -> tuple[Fact, ...]:
    """The run whose window holds the last change. Runs do not store each contact that they send, because
    they send hundreds of thousands."""
    reports = context.state.reports.latest(PipelineName.CONTACTS, _RUNS_TO_CHECK)
    for row in rows:
        changed = datetime.fromtimestamp(int(row["changed"]) / 1e9, UTC)
        if covering := next((run for run in reports if _covers(run, changed, context)), None):
            return facts(
                {
                    "last change at VTEX": changed,
                    "by the run": readable(covering.run_key),
                    "at": covering.finished_at,
                }
            )
    return ()


def _covers(run: StoredReport, changed: datetime, context: ExplainContext) -> bool:
    report = run.report
    if report.dry_run or run.state != "success" or report.mode not in {"full", "window"}:
        return False
    if report.window is None:
        return changed <= run.started_at
    return changed in report.window.widened(timedelta(minutes=context.settings.run.overlap_minutes))


def _subscription_state(context: ExplainContext, person: str) -> tuple[Fact, ...]:
    if not person:
        return ()
    subscription_state = context.state.newsletter.subscription_state([person]).get(person)
    lines: tuple[Fact, ...] = ()
    if subscription_state:
        change = "unsubscribe" if subscription_state.change.unsubscribed else "subscribe"
        applied = (
            format_value(subscription_state.applied_at)
            if subscription_state.applied_at
            else "not finished yet"
        )
        lines = facts(
            {
                "the latest": f"{change}, of {format_value(subscription_state.change.instant)}",
                "applied": applied,
            }
        )
    waiting = context.state.newsletter.find_pending(person)
    if waiting:
        lines += facts(
            {"waiting": f"{waiting.attempts} attempts, the next from {format_value(waiting.not_before)}"}
        )
    return lines


def _change_facts(changes: dict[str, Any], vendor_texts: dict[str, str]) -> tuple[Fact, ...]:
    return tuple(
        fact for key, outcome in changes.items() for fact in outcome_facts(outcome, vendor_texts.get(key, ""))
    )


def _describe_documents(
    documents: list[Document], rows: list[Document], outcomes: dict[str, Reason]
) -> list[str]:
    if not documents:
        return [
            "VTEX has no such customer: nothing is sent, and a subscription change would be unknown_contact"
        ]
    return [
        *(f"Document {key} is not sent: {explain_reason(reason)}" for key, reason in outcomes.items()),
        *(f"Document {row['id']} is sent by the run that covers its last change, as shown" for row in rows),
    ]


def _describe_contact(rows: list[Document], there: Document | None) -> list[str]:
    if not rows:
        return []
    if there is None:
        return ["Connectif does not have the contact yet"]
    would = {n: v for n, v in rows[0].items() if n not in OUR_COLUMNS and not pd.isna(v)}
    differing = differing_fields(would, there)
    values = (
        f"Connectif has other values: {', '.join(differing)}"
        if differing
        else "Connectif has the same values"
    )
    return [values, "The contact sync never changes the newsletter status of a contact that exists"]
