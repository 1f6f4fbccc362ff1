"""Connectif over HTTP: paths, scopes, bodies. Every path works with and without a final slash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.connectif.bodies import media_type, read_json
from sandbox.connectif.errors import ApiError, Unprocessable
from sandbox.connectif.gate import FILES, require
from sandbox.connectif.imports import MAX_FILE_BYTES, read_options
from sandbox.core.control import json_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from sandbox.connectif.vendor import Connectif


@dataclass(frozen=True)
class Call:
    """What a rule needs of a request."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    base_url: str
    body: Any = None


Act = Callable[[Call], Any]
Handler = Callable[[Request], "Awaitable[Response]"]
Row = tuple[str, str, str, Handler]


def routes(connectif: Connectif) -> list[BaseRoute]:
    """The table of the API: method, path, name in the journal, handler."""
    api = Api(connectif)
    table: list[Row] = [
        *(row for path in ("/contacts/email/{email}", "/contacts/{email}") for row in api.contact_rows(path)),
        *api.product_rows("/products/product-id/{id}"),
        *api.purchase_rows("/purchases"),
        *api.import_rows("/imports"),
        *api.export_rows("/exports"),
        ("GET", "/contact-fields", "list contact fields", plain("contact-fields:read", api.list_fields)),
        (
            "POST",
            "/contact-fields",
            "create contact field",
            json_body("contact-fields:write", api.define_field),
        ),
        ("GET", "/store", "get store", plain("store:read", api.get_store)),
    ]
    both = [Route(path + slash, handler, methods=[verb], name=name)
            for verb, path, name, handler in table for slash in ("", "/")]  # fmt: skip
    files = [
        Route(FILES + "import-errors/{id}.csv", api.download_import_errors, name="download import errors"),
        Route(FILES + "exports/{id}/{ticket}.zip", api.download_export, name="download export"),
    ]
    return [*both, *files]


def api_error(_request: Request, error: ApiError) -> Response:
    return json_answer(error.body(), error.status)


def router_error(request: Request, error: HTTPException) -> Response:
    """404 and 405 of the router and 400 of the form parser, as `HttpError`."""
    return api_error(request, ApiError(error.status_code, error.detail))


def plain(right: str, act: Act) -> Handler:
    """A handler without body."""

    async def handle(request: Request) -> Response:
        require(request, right)
        return _answer(await run_in_threadpool(act, _call(request)))

    return handle


def json_body(right: str, act: Act) -> Handler:
    """A handler with a JSON body: 415 for another type, 400 for what is no JSON."""

    async def handle(request: Request) -> Response:
        require(request, right)
        if media_type(request) != "application/json":
            raise ApiError(415, "Content-Type must be application/json.")
        return _answer(await run_in_threadpool(act, _call(request, await read_json(request))))

    return handle


class Api:
    """The handlers' insides: from a call to the rules and back to an answer."""

    def __init__(self, connectif: Connectif) -> None:
        self._of = connectif

    def contact_rows(self, path: str) -> list[Row]:
        return [
            ("GET", path, "get contact", plain("contacts:read", self.get_contact)),
            ("PATCH", path, "patch contact", json_body("contacts:write", self.patch_contact)),
            ("DELETE", path, "delete contact", plain("contacts:delete", self.delete_contact)),
        ]

    def product_rows(self, path: str) -> list[Row]:
        return [
            ("GET", path, "get product", plain("products:read", self.get_product)),
            ("PATCH", path, "patch product", json_body("products:write", self.patch_product)),
            ("DELETE", path, "delete product", plain("products:delete", self.delete_product)),
        ]

    def purchase_rows(self, path: str) -> list[Row]:
        by_id = path + "/purchase-id/{id}"
        return [
            ("POST", path, "create purchase", json_body("purchases:write", self.create_purchase)),
            ("GET", path + "/{id}", "get purchase", plain("purchases:read", self.get_purchase)),
            ("GET", by_id, "get purchase by purchase id", plain("purchases:read", self.find_purchase)),
            ("DELETE", by_id, "delete purchase", plain("purchases:delete", self.delete_purchase)),
        ]

    def import_rows(self, path: str) -> list[Row]:
        return [
            ("POST", path, "create import", self.create_import),
            ("GET", path, "list imports", plain("imports:read", self.list_imports)),
            ("GET", path + "/{id}", "get import", plain("imports:read", self.get_import)),
            ("DELETE", path + "/{id}", "delete import", plain("imports:delete", self.delete_import)),
        ]

    def export_rows(self, path: str) -> list[Row]:
        return [
            ("POST", path, "create export", json_body("exports:write", self.create_export)),
            ("GET", path, "list exports", plain("exports:read", self.list_exports)),
            ("GET", path + "/{id}", "get export", plain("exports:read", self.get_export)),
        ]

    def get_contact(self, call: Call) -> Any:
        return self._of.contacts.get(call.path["email"])

    def patch_contact(self, call: Call) -> Any:
        with self._of.account.database.transaction():
            result = self._of.contacts.patch(call.path["email"], call.body)
            self._of.newsletter.settle(tell=self._of.knobs.callback_on_api_unsubscribe)
        return self._upserted(*result)

    def delete_contact(self, call: Call) -> Any:
        return self._of.contacts.delete(call.path["email"])

    def list_fields(self, _call: Call) -> Any:
        return {"links": {}, "results": self._of.contacts.list_fields()}

    def define_field(self, call: Call) -> Any:
        return json_answer(self._of.contacts.define_field(call.body), 201)

    def get_product(self, call: Call) -> Any:
        return self._of.products.get(call.path["id"])

    def patch_product(self, call: Call) -> Any:
        return self._upserted(*self._of.products.patch(call.path["id"], call.body))

    def delete_product(self, call: Call) -> Any:
        return self._of.products.delete(call.path["id"])

    def create_purchase(self, call: Call) -> Any:
        return json_answer(self._of.purchases.create(call.body, trigger=self._trigger(call.query)), 201)

    def get_purchase(self, call: Call) -> Any:
        return self._of.purchases.get(call.path["id"])

    def find_purchase(self, call: Call) -> Any:
        return self._of.purchases.get_by_purchase_id(call.path["id"])

    def delete_purchase(self, call: Call) -> Any:
        return self._of.purchases.delete(call.path["id"])

    async def create_import(self, request: Request) -> Response:
        require(request, "imports:write")
        if media_type(request) != "multipart/form-data":
            raise ApiError(415, "Content-Type must be multipart/form-data.")
        async with request.form(max_files=1) as form:
            file = form.get("file")
            texts = {key: value for key, value in form.items() if isinstance(value, str)}
            options = read_options(texts, reject_unknown=self._of.account.rejects_unknown)
            if not isinstance(file, UploadFile) or (file.content_type or "").split(";")[0] != "text/csv":
                raise Unprocessable({"file": "must be a file of type text/csv"})
            if (file.size or 0) > MAX_FILE_BYTES:
                raise ApiError(413, "File is larger than 50 MB.")
            return json_answer(await run_in_threadpool(self._of.imports.create, options, file.file), 201)

    def list_imports(self, call: Call) -> Any:
        return _page(call, "imports", self._of.imports.page)

    def get_import(self, call: Call) -> Any:
        return self._of.imports.get(call.path["id"], call.base_url)

    def delete_import(self, call: Call) -> Any:
        return self._of.imports.delete(call.path["id"])

    def download_import_errors(self, request: Request) -> Response:
        """With the knob, as storage services do: a link that has moved, or one whose file is gone."""
        link = self._of.knobs.error_report_link
        if link == "404":
            return Response("<Error><Code>NoSuchKey</Code></Error>", 404, media_type="application/xml")
        if link == "redirect" and "signature" not in request.query_params:
            return RedirectResponse(f"{request.url.path}?signature=sandbox", 302)
        return FileResponse(self._of.imports.error_report(request.path_params["id"]), media_type="text/csv")

    def create_export(self, call: Call) -> Any:
        return json_answer(self._of.exports.create(call.body), 201)

    def list_exports(self, call: Call) -> Any:
        return _page(call, "exports", self._of.exports.page)

    def get_export(self, call: Call) -> Any:
        return self._of.exports.get(call.path["id"], call.base_url)

    def download_export(self, request: Request) -> Response:
        path = self._of.exports.file(request.path_params["id"], request.path_params["ticket"])
        return FileResponse(path, media_type="application/zip")

    def get_store(self, _call: Call) -> Any:
        """The real shape is unknown; these are the account's settings."""
        account = self._of.account
        return {
            "id": "5fb0" + "0" * 20, "name": "Sandbox shop", "authorizedDomains": account.allowed_domains,
            "currency": account.knobs.currency, "language": account.knobs.language,
        }  # fmt: skip

    def _trigger(self, query: Mapping[str, str]) -> bool:
        """Unknown parameters are refused, so that a misspelt one does not fire workflows unnoticed."""
        unknown = query.keys() - {"triggerPurchaseEvent"} if self._of.account.rejects_unknown else set()
        if unknown:
            raise Unprocessable(dict.fromkeys(unknown, "unknown parameter"))
        text = query.get("triggerPurchaseEvent", "true")
        if text not in ("true", "false"):
            raise Unprocessable({"triggerPurchaseEvent": "must be true or false"})
        return text == "true"

    def _upserted(self, record: dict[str, Any], created: bool) -> Response:
        return json_answer(record, self._of.knobs.created_status if created else 200)


def _page(
    call: Call, kind: str, read: Callable[[int, str], tuple[list[dict[str, Any]], bool]]
) -> dict[str, Any]:
    """A list with links. The names of Connectif's paging parameters are unknown: follow `links.next`."""
    text = call.query.get("page", "1")
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise Unprocessable({"page": "must be a positive integer"})
    number = int(text)
    results, more = read(number, call.base_url)
    links = {"prev": number - 1} if number > 1 else {}
    links |= {"next": number + 1} if more else {}
    return {
        "links": {name: f"{call.base_url}{kind}/?page={page}" for name, page in links.items()},
        "results": results,
    }


def _call(request: Request, body: Any = None) -> Call:
    return Call(request.path_params, request.query_params, str(request.base_url), body)


def _answer(content: Any) -> Response:
    """JSON, 204 for nothing, or what the handler has made itself."""
    if content is None:
        return Response(status_code=204)
    return content if isinstance(content, Response) else json_answer(content)
