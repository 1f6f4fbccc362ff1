"""The calls to one Connectif account. Each method sends one request, with its retries."""

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
from include.connectif.rate_limit import SharedRateLimiter
from include.connectif.vocabulary import VOCABULARY
from include.errors import ContractError, RecordRejected, SyncError, TemporaryError
from include.http.body import BodyTooLarge, parse_json
from include.http.form import FileToSend, FormWithFile
from include.http.known_words import shorten
from include.http.missing import read_or_none
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
from include.window import Window, utc_milliseconds

SYSTEM = "Connectif"
DEFAULT_HOST = "https://api.connectif.cloud"
_MOST_REDIRECTS = 3
_KEPT_BYTES = 8_000


@dataclass(frozen=True)
class ConnectifAccount:
    """The host of the API and its key. Links to the shop never use `base_url`.

    `connection` is the id of the Airflow connection, for messages.
    """

    key_id: str
    key_secret: str = field(repr=False)
    base_url: str = DEFAULT_HOST
    connection: str = "connectif_default"
    http: HttpOptions = field(default_factory=HttpOptions)


@dataclass(frozen=True)
class Import:
    """State of an import: `{"id", "status", "total"?, "success"?, "errors"?, "errorReportFileUrl"?}`.

    The answer to a create has little more than the id; the answer to a read has no id (test doubles of
    github.com/francescorivola/connectif-importer, 2026-11-28). A missing or invalid number is None, not 0.
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


class PostResult(Enum):
    """The result of posting a purchase."""

    CREATED = auto()
    ALREADY_THERE = auto()


class FoundPurchase(NamedTuple):
    """A purchase at Connectif. `created_at` is None where the answer does not tell it."""

    created_at: datetime | None


class QueueFull(TemporaryError):
    """The account's queue of imports (E0401) or exports (E0301) is full: wait for one to end."""


class FileTooLarge(SyncError):
    """413: the file is above the limit of Connectif (50 MB) or of a proxy before it. Send smaller files."""


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
    """The Connectif calls of the four syncs. RecordRejected concerns one record, other errors the run."""

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
            rate_limits={"default": rate_limit or SharedRateLimiter(keep_free_percent)},
            retry=self._retry,
            timeouts=timeouts,
            options=account.http,
        )
        self._timeouts = timeouts
        self._file_transports: dict[str, Transport] = {}

    def check(self) -> None:
        """Check host, key and the first right with one cheap call."""
        self.transport.json(routes.LIST_IMPORTS)

    def create_import(self, kind: str, csv: FileToSend, *, override_existing: bool) -> Import:
        """Queue a CSV of `kind` contacts or products; rows overwrite by key, or only add new records.

        Repeating is harmless. QueueFull if ten imports are queued, FileTooLarge if the file is too large.
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
                raise QueueFull(f"{refused}: ten imports are queued. Wait for one to end") from None
            raise ContractError(
                f"{refused}. Connectif refused the whole file, not a row: check it in the staging folder"
            ) from None

    def read_import(self, import_id: str) -> Import:
        """Return the progress of an import and, at its end, its result."""
        return self.transport.read(
            routes.READ_IMPORT,
            lambda body, _headers: _to_import(answers.parse_record(body) | {"id": import_id}),
            path={"id": import_id},
        )

    def read_import_report(self, url: str) -> bytes:
        """Return the CSV of failed rows from the URL that Connectif gives; the URL may be relative."""
        report = BytesIO()
        self._download(routes.READ_REPORT, url, report)
        return report.getvalue()

    def create_activities_export(self, activity_types: Sequence[str], window: Window) -> Export:
        """Queue an export of the activities of contacts in a window of at most 31 days.

        Repeating is harmless: it only creates another export. QueueFull if five exports are queued.
        """
        filters = {
            "fromDate": utc_milliseconds(window.start),
            "toDate": utc_milliseconds(window.end),
            "activityTypes": list(activity_types),
        }
        return self._create_export("activities", filters)

    def create_contacts_export(self) -> Export:
        """Queue an export of all contacts. Repeating is harmless."""
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
                raise QueueFull(f"{refused}: five exports are queued. Wait for one to end") from None
            raise ContractError(f"{refused}. Connectif refused the whole export") from None

    def read_export(self, export_id: str) -> Export:
        """Return the progress of an export and, at its end, the URL of its file."""
        return self.transport.read(routes.READ_EXPORT, Export.from_answer, path={"id": export_id})

    def read_export_file(self, url: str, file: BinaryIO) -> None:
        """Write the ZIP of a finished export into `file`; read it with `exports.read_rows`."""
        self._download(routes.READ_EXPORT_FILE, url, file)

    def contact_fields(self, next_url: str | None = None) -> tuple[list[str], str | None]:
        """Return a page of the ids of the account's contact fields, and the URL of the next page or None."""
        ids, next_path = self.transport.read(
            routes.LIST_CONTACT_FIELDS, answers.parse_contact_fields, url=next_url
        )
        return ids, urljoin(self.account.base_url, next_path) if next_path else None

    def patch_contact(self, email: str, fields: Mapping[str, Any]) -> None:
        """Create or change one contact. RecordRejected if Connectif refuses the fields."""
        self._write(routes.PATCH_CONTACT, {"email": email}, fields)

    def patch_product(self, product_id: str, fields: Mapping[str, Any]) -> None:
        """Create or change one product. RecordRejected if Connectif refuses the product (E0201: its URL)."""
        self._write(routes.PATCH_PRODUCT, {"product_id": product_id}, fields)

    def read_product(self, product_id: str) -> dict[str, Any] | None:
        """Return one product by the shop's own id; None if it does not exist. Connectif has no list call."""
        return read_or_none(
            self.transport, routes.READ_PRODUCT, answers.parse_record, path={"product_id": product_id}
        )

    def post_purchase(self, purchase: Mapping[str, Any], *, fire_workflows: bool) -> PostResult:
        """Create a purchase; an existing purchase (409) is no error.

        ContactMissing, ProductsMissing or RecordRejected if Connectif refuses the purchase. If the answer is
        lost, the client looks the purchase up, and sends it again only if it did not arrive.
        """
        retrying = self._retry.retrying(f"{SYSTEM}, {routes.POST_PURCHASE.name}")
        try:
            return retrying(self._post_or_find, purchase, fire_workflows)
        except TryAgain:
            raise TemporaryError(
                f"{SYSTEM}, {routes.POST_PURCHASE.name}: no clear answer {self._retry.attempts} times in a "
                "row, and the purchase did not arrive. Finished work is kept: retry the task later"
            ) from None

    def has_purchase(self, purchase_id: str) -> bool:
        """Whether a purchase with the shop's own id exists."""
        return self.find_purchase(purchase_id) is not None

    def find_purchase(self, purchase_id: str) -> FoundPurchase | None:
        """The purchase with the shop's own id; None when there is none."""
        path = {"purchase_id": purchase_id}
        found = read_or_none(self.transport, routes.READ_PURCHASE, answers.parse_record, path=path)
        return None if found is None else FoundPurchase(answers.read_instant(found, "createdAt"))

    def _post_or_find(self, purchase: Mapping[str, Any], fire_workflows: bool) -> PostResult:
        try:
            return self._post_purchase(purchase, fire_workflows)
        except AnswerLost as lost:
            if self.has_purchase(purchase["purchaseId"]):
                return PostResult.CREATED
            raise TryAgain("no clear answer", None) from lost

    def _post_purchase(self, purchase: Mapping[str, Any], fire_workflows: bool) -> PostResult:
        query = {"triggerPurchaseEvent": str(fire_workflows).lower()}
        wanted = purchase["purchaseId"]
        try:
            self.transport.read(
                routes.POST_PURCHASE,
                lambda body, _: answers.check_created(body, wanted),
                params=query,
                json=purchase,
            )
        except RequestRefused as refused:
            if refused.status == 409:
                return PostResult.ALREADY_THERE
            raise _to_rejection(refused) from None
        return PostResult.CREATED

    def _download(self, route: Route, url: str, file: BinaryIO) -> None:
        """Write the file at a URL from Connectif into `file`.

        The URL may redirect to a file store, for example to a presigned URL. Another host never gets our key.
        """
        place = f"{self.account.base_url.rstrip('/')}/"
        for _ in range(_MOST_REDIRECTS + 1):
            place = _resolve_url(route, place, url)
            is_api = origin(place) == origin(self.account.base_url)
            transport = self.transport if is_api else self._transport_for(origin(place))
            try:
                transport.save(route, place, file)
            except AccessRefused as refused:
                if refused.location is None:
                    raise
                url = refused.location
            else:
                return
        raise ContractError(f"{SYSTEM}, {route.name}: more than {_MOST_REDIRECTS} redirects in a row")

    def _transport_for(self, host: str) -> Transport:
        """Return the transport to another host: the API's proxies and certificates, but no credentials."""
        if host not in self._file_transports:
            self._file_transports[host] = Transport(
                SYSTEM,
                host,
                {},
                read_error=read_error,
                retry=self._retry,
                timeouts=self._timeouts,
                options=self.account.http.for_another_host(),
            )
        return self._file_transports[host]

    def _write(self, route: Route, path: Mapping[str, str], fields: Mapping[str, Any]) -> None:
        try:
            self.transport.read(route, answers.check_write, path=path, json=fields)
        except RequestRefused as refused:
            raise _to_rejection(refused) from None


def read_error(response: requests.Response) -> VendorError:
    """Read the error `{"status", "title", "detail", "code"?, "validationErrors"?: [{path, reason}]}`.

    A 401 is plain text. Other bodies are not documented: only their private text is kept.
    """
    try:
        body = parse_json(response.content)
    except (ValueError, BodyTooLarge):
        body = None
    body = body if isinstance(body, dict) else {}
    # The table of codes has productIds, the sample next to it productsId (guides, custom error codes).
    named = body.get("productIds") or body.get("productsId")
    product_ids = [str(named_id) for named_id in named] if isinstance(named, list) else []
    domains = body.get("allowedDomains")
    allowed = [str(domain) for domain in domains] if isinstance(domains, list) else []
    code = VOCABULARY.code(body.get("code"))
    private = shorten(response.content[:_KEPT_BYTES].decode("utf-8", "replace"))
    extra = {"product_ids": product_ids, "allowed_domains": allowed}
    return VendorError(code, VOCABULARY.describe(_error_text(body), code=code), extra, private)


def _error_text(body: Mapping[str, Any]) -> str:
    """Return the text in which known words are searched: the detail and the errors of fields."""
    problems = body.get("validationErrors")
    listed = problems if isinstance(problems, list) else []
    reasons = [f"{p.get('path')}: {p.get('reason')}" for p in listed if isinstance(p, dict)]
    return "; ".join([str(body.get("detail") or body.get("title") or ""), *reasons])


def _to_rejection(refused: RequestRefused) -> RecordRejected:
    error = refused.error
    details = {"code": error.code or str(refused.status), "detail": error.detail, "private": error.private}
    if error.code == "E0101":
        return ContactMissing(str(refused), **details)
    if error.code == "E0102":
        return ProductsMissing(str(refused), **details, product_ids=list(error.extra.get("product_ids", [])))
    return RecordRejected(str(refused), **details)


def _resolve_url(route: Route, place: str, url: str) -> str:
    """Join a URL that may be relative to `place`; ContractError if the result is not a valid URL."""
    try:
        found = urljoin(place, url)
        parts = urlsplit(found)
        is_url = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # also raised for an invalid port
        is_url = False
    if not is_url:
        raise ContractError(f"{SYSTEM}, {route.name}: the URL of the file is not valid")
    return found


def _created_import(body: Any, _headers: Mapping[str, str]) -> Import:
    return _to_import(answers.parse_record(body) | {"status": "queued"})


def _to_import(answer: Mapping[str, Any]) -> Import:
    url = answer.get("errorReportFileUrl")
    return Import(
        id=answers.read_text(answer, "id"),
        status=answers.read_text(answer, "status"),
        total=answers.read_count(answer, "total"),
        success=answers.read_count(answer, "success"),
        errors=answers.read_count(answer, "errors"),
        report_url=url if isinstance(url, str) and url else None,
    )
