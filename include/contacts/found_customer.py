"""Find a customer: VTEX's documents, their mapping, the runs, the subscription changes and the contact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from include.connectif import routes
from include.contacts.documents import documents_frame, documents_table
from include.contacts.erased import map_without_erased
from include.contacts.fields import SOURCE_FIELDS
from include.contacts.mapping import latest_of_each
from include.contacts.rules import contact_mapping, extra_fields_of, extra_sources_of
from include.newsletter.documents import find_documents
from include.newsletter.explain import SubscriptionRecord, read_subscription
from include.outcomes import Drop, PipelineName, Reason
from include.pipeline.erased_people import ErasedPeople
from include.pipeline.explain_context import ExplainContext
from include.pipeline.explain_sentences import is_refusal
from include.state import StoredOutcome, StoredReport
from include.values.address import email_of, problem_of, tidy_address

_RUNS_TO_CHECK = 100

Document = dict[str, Any]


@dataclass(frozen=True)
class FoundCustomer:
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
        return _changed_at(self.row) if self.row else None

    @property
    def refusal(self) -> StoredOutcome | None:
        """Connectif's refusal of the row, which the mapping cannot show."""
        stored = self.stored.get(str(self.row["id"])) if self.row else None
        return stored if stored and is_refusal(stored.reason) else None


def find_customer(context: ExplainContext, record: str) -> FoundCustomer:
    """The customer with this address or document id.

    All documents with the address are read, because only one of them counts.
    """
    run = context.run(PipelineName.CONTACTS)
    documents = _documents(context, record, [*SOURCE_FIELDS, *extra_sources_of(run)])
    email = tidy_address(record) if "@" in record else next(iter(_addresses(documents)), "")
    row, unsent, drops = _map_documents(context, documents)
    ids = [str(document["id"]) for document in documents]
    return FoundCustomer(
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
    changed = _changed_at(row)
    reports = context.state.reports.latest(PipelineName.CONTACTS, _RUNS_TO_CHECK)
    return next((run for run in reports if _covers(run, changed, context)), None)


def _changed_at(row: Document) -> datetime:
    return datetime.fromtimestamp(int(row["changed"]) / 1e9, UTC)


def _covers(run: StoredReport, changed: datetime, context: ExplainContext) -> bool:
    report = run.report
    if report.dry_run or run.state != "success" or report.mode not in {"full", "window"}:
        return False
    if report.window is None:
        return changed <= run.started_at
    return changed in report.window.widened(timedelta(minutes=context.settings.run.overlap_minutes))
