"""One Connectif account as Python methods. Sends one request each, or its retries; loops over nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import urljoin, urlsplit

import requests

from include.connectif import answers, exports, routes
from include.connectif.exports import Export
from include.connectif.rate_limit import SharedMinute
from include.connectif.vocabulary import VOCABULARY
from include.errors import ContractError, RecordRejected, SyncError, TemporaryError
from include.http.body import OverBudget, loaded
from include.http.form import FileToSend, FormWithFile
from include.http.rate_limiter import RateLimiter
from include.http.retry import RetryPolicy, TryAgain
from include.http.route import Route
from include.http.session import HttpOptions
from include.http.transport import (
    AccessRefused,
    AnswerLost,
    RequestRefused,
    Timeouts,
    Transport,
    VendorError,
    origin,
)
from include.http.vocabulary import kept
from include.window import Window, utc_milliseconds

SYSTEM = "Connectif"
DEFAULT_HOST = "https://api.connectif.cloud"
_MOST_REDIRECTS = 3
_KEPT_BYTES = 8_000


@dataclass(frozen=True)
class ConnectifAccount:
    """Where the API is and the key for it. `base_url` is never used to build links."""

    key_id: str
    key_secret: str = field(repr=False)
    base_url: str = DEFAULT_HOST
    http: HttpOptions = field(default_factory=HttpOptions)


@dataclass(frozen=True)
class Import:
    """State of an import: `{"id", "status", "total"?, "success"?, "errors"?, "errorReportFileUrl"?}`.

    Creating answers the id and hardly more, reading no id (test doubles of github.com/francescorivola/
    connectif-importer, 2026-11-28). A number that is absent, or is no count, is None: it is not 0.
    """

    id: str
    status: str
    total: int | None
    success: int | None
    errors: int | None
    report_url: str | None

    @property
    def is_over(self) -> bool:
        return self.status in {"finished", "error", "cancelled"}


class Posted(Enum):
    """What became of a posted purchase."""

    CREATED = auto()
    ALREADY_THERE = auto()


class FoundPurchase(NamedTuple):
    """A purchase at Connectif. `created_at` is None where the answer does not tell it."""

    created_at: datetime | None


class QueueFull(TemporaryError):
    """As many imports (E0401) or exports (E0301) are queued as the account may have: wait for one to end."""


class FileTooLarge(SyncError):
    """413: the file is above the limit of Connectif (50 MB) or of a proxy before it: send less at once."""


class ContactMissing(RecordRejected):
    """E0101: the purchase's contact does not exist; create it and send again."""


class ProductsMissing(RecordRejected):
    """E0102: these products do not exist; create them and send again."""

    def __init__(
        self, message: str, *, code: str, detail: str, product_ids: list[str], private: str = ""
    ) -> None:
        super().__init__(message, code=code, detail=detail, private=private)
        self.product_ids = product_ids


class ConnectifClient:
    """The calls of the four syncs. RecordRejected is about the record sent, other errors about the run."""

    def __init__(
        self,
        account: ConnectifAccount,
        *,
        keep_free_percent: float = 20,
        retry: RetryPolicy | None = None,
        rate_limit: RateLimiter | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.account = account
        self._retry = retry or RetryPolicy()
        self.transport = Transport(
            SYSTEM,
            account.base_url,
            {"Authorization": f"apiKey {account.key_id}:{account.key_secret}"},
            read_error=read_error,
            rate_limits={"default": rate_limit or SharedMinute(keep_free_percent)},
            retry=self._retry,
            timeouts=timeouts,
            options=account.http,
        )
        self._timeouts = timeouts
        self._elsewhere: dict[str, Transport] = {}

    def check(self) -> None:
        """One cheap call that shows whether host, key and a first right are in order."""
        self.transport.json(routes.LIST_IMPORTS)

    def create_import(self, kind: str, csv: FileToSend, *, override_existing: bool) -> Import:
        """Queue a CSV of `kind` contacts or products; rows overwrite by key, or only add new ones.

        Repeating is harmless: rows overwrite by key. QueueFull when ten are waiting already, FileTooLarge
        when the file is too large.
        """
        form = {
            "type": kind,
            "overrideExisting": str(override_existing).lower(),
            "updateOnlyEmptyFields": "false",
            "delimiter": ",",
        }
        body = FormWithFile(form, "file", csv)
        headers = {"Content-Type": body.content_type}
        try:
            return self.transport.read(routes.CREATE_IMPORT, _created_import, data=body, headers=headers)
        except RequestRefused as refused:
            if refused.status == 413:
                raise FileTooLarge(str(refused)) from None
            if refused.error.code == "E0401":
                raise QueueFull(f"{refused}: ten imports are waiting already") from None
            raise ContractError(
                f"{refused}. The whole file was refused, not a row: check it in the staging folder"
            ) from None

    def read_import(self, import_id: str) -> Import:
        """The import's progress and, at its end, its result."""
        return self.transport.read(
            routes.READ_IMPORT,
            lambda body, _headers: _import(answers.record(body) | {"id": import_id}),
            path={"id": import_id},
        )

    def read_import_report(self, url: str) -> bytes:
        """The CSV of failed rows, as Connectif names it: the address may be relative."""
        report = BytesIO()
        self._file(routes.READ_REPORT, url, report)
        return report.getvalue()

    def create_activities_export(self, activity_types: Sequence[str], window: Window) -> Export:
        """Queue an export of what contacts did in a window of at most 31 days.

        Repeating is harmless: it only makes another export. QueueFull when five are waiting already.
        """
        filters = {
            "fromDate": utc_milliseconds(window.start),
            "toDate": utc_milliseconds(window.end),
            "activityTypes": list(activity_types),
        }
        return self._create_export("activities", filters)

    def create_contacts_export(self) -> Export:
        """Queue an export of all contacts; as repeatable as one of activities."""
        return self._create_export("contacts", {})

    def _create_export(self, kind: str, filters: Mapping[str, Any]) -> Export:
        request = {
            "exportType": kind,
            "delimiter": exports.DELIMITER,
            "dateFormat": "ISO",
            "filters": filters,
        }
        try:
            return self.transport.read(routes.CREATE_EXPORT, Export.from_answer, json=request)
        except RequestRefused as refused:
            if refused.error.code == "E0301":
                raise QueueFull(f"{refused}: five exports are waiting already") from None
            raise ContractError(f"{refused}. The export as a whole was refused") from None

    def read_export(self, export_id: str) -> Export:
        """The export's progress and, at its end, where its file is."""
        return self.transport.read(routes.READ_EXPORT, Export.from_answer, path={"id": export_id})

    def read_export_file(self, url: str, file: BinaryIO) -> None:
        """The ZIP of a finished export, into a file; read it with `exports.rows_of`."""
        self._file(routes.READ_EXPORT_FILE, url, file)

    def contact_fields(self, next_url: str | None = None) -> tuple[list[str], str | None]:
        """Ids of the account's contact fields, a page of them, and where the next one is (None: nowhere)."""
        ids, following = self.transport.read(routes.LIST_CONTACT_FIELDS, answers.contact_fields, url=next_url)
        return ids, urljoin(self.account.base_url, following) if following else None

    def patch_contact(self, email: str, fields: Mapping[str, Any]) -> None:
        """Create or change one contact. RecordRejected when Connectif refuses the fields."""
        self._write(routes.PATCH_CONTACT, {"email": email}, fields)

    def patch_product(self, product_id: str, fields: Mapping[str, Any]) -> None:
        """Create or change one product. RecordRejected when Connectif refuses it (E0201: its URL)."""
        self._write(routes.PATCH_PRODUCT, {"product_id": product_id}, fields)

    def read_product(self, product_id: str) -> dict[str, Any] | None:
        """One product by the shop's own id; None when there is none. Products cannot be listed."""
        return self._unless_missing(routes.READ_PRODUCT, product_id=product_id)

    def _unless_missing(self, route: Route, **path: str) -> dict[str, Any] | None:
        """The record of a route; None for a 404."""
        try:
            return self.transport.read(route, answers.record, path=path)
        except RequestRefused as refused:
            if refused.status == 404:
                return None
            raise

    def post_purchase(self, purchase: Mapping[str, Any], *, fire_workflows: bool) -> Posted:
        """Create a purchase; one that is there already is no error (409).

        ContactMissing, ProductsMissing or RecordRejected when Connectif refuses it. When the answer is
        lost, Connectif is asked whether the purchase arrived, and only if not is it sent again.
        """
        retrying = self._retry.retrying()
        try:
            return retrying(self._post_or_find, purchase, fire_workflows)
        except TryAgain:
            raise TemporaryError(
                f"{SYSTEM}, {routes.POST_PURCHASE.name}: no clear answer {self._retry.attempts} times in a "
                "row, and the purchase did not arrive. What is done is kept: retry the task later"
            ) from None

    def has_purchase(self, purchase_id: str) -> bool:
        """Whether a purchase with the shop's own id exists."""
        return self.find_purchase(purchase_id) is not None

    def find_purchase(self, purchase_id: str) -> FoundPurchase | None:
        """The purchase with the shop's own id; None when there is none."""
        found = self._unless_missing(routes.READ_PURCHASE, purchase_id=purchase_id)
        return None if found is None else FoundPurchase(answers.instant(found, "createdAt"))

    def _post_or_find(self, purchase: Mapping[str, Any], fire_workflows: bool) -> Posted:
        try:
            return self._post_purchase(purchase, fire_workflows)
        except AnswerLost as lost:
            if self.has_purchase(purchase["purchaseId"]):
                return Posted.CREATED
            raise TryAgain("no clear answer", None) from lost

    def _post_purchase(self, purchase: Mapping[str, Any], fire_workflows: bool) -> Posted:
        query = {"triggerPurchaseEvent": str(fire_workflows).lower()}
        wanted = purchase["purchaseId"]
        try:
            self.transport.read(
                routes.POST_PURCHASE,
                lambda body, _: answers.created(body, wanted),
                params=query,
                json=purchase,
            )
        except RequestRefused as refused:
            if refused.status == 409:
                return Posted.ALREADY_THERE
            raise _rejected(refused) from None
        return Posted.CREATED

    def _file(self, route: Route, url: str, file: BinaryIO) -> None:
        """Write a file that Connectif points to, directly or by a redirect to a file store (a presigned
        address, say), into `file`. A file store on another host gets no key of ours."""
        place = f"{self.account.base_url.rstrip('/')}/"
        for _ in range(_MOST_REDIRECTS + 1):
            place = _joined(route, place, url)
            ours = origin(place) == origin(self.account.base_url)
            transport = self.transport if ours else self._transport_to(origin(place))
            try:
                transport.save(route, place, file)
            except AccessRefused as refused:
                if refused.location is None:
                    raise
                url = refused.location
            else:
                return
        raise ContractError(f"{SYSTEM}, {route.name}: more than {_MOST_REDIRECTS} redirects in a row")

    def _transport_to(self, host: str) -> Transport:
        """The way to another host: proxies and certificates as for the API, none of its credentials."""
        if host not in self._elsewhere:
            self._elsewhere[host] = Transport(
                SYSTEM,
                host,
                {},
                read_error=read_error,
                retry=self._retry,
                timeouts=self._timeouts,
                options=self.account.http.for_another_host(),
            )
        return self._elsewhere[host]

    def _write(self, route: Route, path: Mapping[str, str], fields: Mapping[str, Any]) -> None:
        try:
            self.transport.read(route, answers.written, path=path, json=fields)
        except RequestRefused as refused:
            raise _rejected(refused) from None


def read_error(response: requests.Response) -> VendorError:
    """HttpError `{"status", "title", "detail", "code"?, …}`; 422 adds `validationErrors: [{path, reason}]`.

    A 401 is plain text, other bodies are not documented: of those only the private text is kept.
    """
    try:
        body = loaded(response.content)
    except (ValueError, OverBudget):
        body = None
    body = body if isinstance(body, dict) else {}
    # The table of codes says productIds, the sample beside it productsId (guides, custom error codes).
    named = body.get("productIds") or body.get("productsId")
    product_ids = [str(named_id) for named_id in named] if isinstance(named, list) else []
    domains = body.get("allowedDomains")
    allowed = [str(domain) for domain in domains] if isinstance(domains, list) else []
    code = VOCABULARY.code(body.get("code"))
    private = kept(response.content[:_KEPT_BYTES].decode("utf-8", "replace"))
    extra = {"product_ids": product_ids, "allowed_domains": allowed}
    return VendorError(code, VOCABULARY.known(_said(body), code=code), extra, private)


def _said(body: Mapping[str, Any]) -> str:
    """Where known words are looked for: the sentence, and what is wrong with which fields."""
    problems = body.get("validationErrors")
    listed = problems if isinstance(problems, list) else []
    reasons = [f"{p.get('path')}: {p.get('reason')}" for p in listed if isinstance(p, dict)]
    return "; ".join([str(body.get("detail") or body.get("title") or ""), *reasons])


def _rejected(refused: RequestRefused) -> RecordRejected:
    error = refused.error
    told = {"code": error.code or str(refused.status), "detail": error.detail, "private": error.private}
    if error.code == "E0101":
        return ContactMissing(str(refused), **told)
    if error.code == "E0102":
        return ProductsMissing(str(refused), **told, product_ids=list(error.extra.get("product_ids", [])))
    return RecordRejected(str(refused), **told)


def _joined(route: Route, place: str, url: str) -> str:
    """An address that may be relative to a place."""
    try:
        found = urljoin(place, url)
        parts = urlsplit(found)
        is_one = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # also of a port that is none
        is_one = False
    if not is_one:
        raise ContractError(f"{SYSTEM}, {route.name}: the address of the file cannot be read")
    return found


def _created_import(body: Any, _headers: Mapping[str, str]) -> Import:
    return _import(answers.record(body) | {"status": "queued"})


def _import(answer: Mapping[str, Any]) -> Import:
    url = answer.get("errorReportFileUrl")
    return Import(
        id=answers.text(answer, "id"),
        status=answers.text(answer, "status"),
        total=answers.count(answer, "total"),
        success=answers.count(answer, "success"),
        errors=answers.count(answer, "errors"),
        report_url=url if isinstance(url, str) and url else None,
    )
