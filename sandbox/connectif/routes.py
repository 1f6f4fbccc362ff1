"""Connectif over HTTP: the routes, their rights and their answers. A final slash is optional."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.connectif.errors import http_error, unprocessable
from sandbox.connectif.gate import FILES, admit, check_right, media_type
from sandbox.connectif.rules import ConnectifRules
from sandbox.connectif.rules_imports import MAX_FILE_BYTES, read_options
from sandbox.core.answers import json_answer
from sandbox.core.endpoints import Call, Endpoint, route
from sandbox.core.errors import answer_error


class ConnectifRoutes:
    """The table of the API, and the handlers that lead from a call to the rules."""

    def __init__(self, rules: ConnectifRules) -> None:
        self._rules, self._knobs = rules, rules.knobs

    def table(self) -> list[BaseRoute]:
        endpoints = [
            *self._contacts("/contacts/email/{email}"),
            *self._contacts("/contacts/{email}"),
            *self._contact_fields("/contact-fields"),
            *self._products("/products/product-id/{id}"),
            *self._purchases("/purchases"),
            *self._jobs("/imports", "/exports"),
            Endpoint("get store", "GET", "/store", self._get_store, ("store:read",)),
        ]
        with_slash = [replace(endpoint, path=f"{endpoint.path}/") for endpoint in endpoints]
        return [
            *(route(endpoint, admit) for endpoint in (*endpoints, *with_slash)),
            *(
                Route(path, self._create_import, methods=["POST"], name="create import")
                for path in ("/imports", "/imports/")
            ),
            Route(f"{FILES}import-errors/{{id}}.csv", self._download_errors, name="download import errors"),
            Route(f"{FILES}exports/{{id}}/{{ticket}}.zip", self._download_export, name="download export"),
        ]

    def _contacts(self, path: str) -> list[Endpoint]:
        write = ("contacts:write",)
        return [
            Endpoint("get contact", "GET", path, self._get_contact, ("contacts:read",)),
            Endpoint("patch contact", "PATCH", path, self._patch_contact, write, takes_json=True),
            Endpoint("delete contact", "DELETE", path, self._delete_contact, ("contacts:delete",)),
        ]

    def _contact_fields(self, path: str) -> list[Endpoint]:
        read, write = ("contact-fields:read",), ("contact-fields:write",)
        return [
            Endpoint("list contact fields", "GET", path, self._list_fields, read),
            Endpoint("create contact field", "POST", path, self._define_field, write, takes_json=True),
        ]

    def _products(self, path: str) -> list[Endpoint]:
        write = ("products:write",)
        return [
            Endpoint("get product", "GET", path, self._get_product, ("products:read",)),
            Endpoint("patch product", "PATCH", path, self._patch_product, write, takes_json=True),
            Endpoint("delete product", "DELETE", path, self._delete_product, ("products:delete",)),
        ]

    def _purchases(self, path: str) -> list[Endpoint]:
        by_id = f"{path}/purchase-id/{{id}}"
        read, write, delete = ("purchases:read",), ("purchases:write",), ("purchases:delete",)
        return [
            Endpoint("create purchase", "POST", path, self._create_purchase, write, takes_json=True),
            Endpoint("get purchase", "GET", f"{path}/{{id}}", self._get_purchase, read),
            Endpoint("get purchase by purchase id", "GET", by_id, self._find_purchase, read),
            Endpoint("delete purchase", "DELETE", by_id, self._delete_purchase, delete),
        ]

    def _jobs(self, imports: str, exports: str) -> list[Endpoint]:
        one_import, one_export, read = f"{imports}/{{id}}", f"{exports}/{{id}}", ("imports:read",)
        return [
            Endpoint("list imports", "GET", imports, self._list_imports, read),
            Endpoint("get import", "GET", one_import, self._get_import, read),
            Endpoint("delete import", "DELETE", one_import, self._delete_import, ("imports:delete",)),
            Endpoint(
                "create export", "POST", exports, self._create_export, ("exports:write",), takes_json=True
            ),
            Endpoint("list exports", "GET", exports, self._list_exports, ("exports:read",)),
            Endpoint("get export", "GET", one_export, self._get_export, ("exports:read",)),
        ]

    # --- contacts and their fields

    def _get_contact(self, call: Call) -> Any:
        return self._rules.contacts.get(call.path("email"))

    def _patch_contact(self, call: Call) -> Any:
        with self._rules.database.transaction():
            result = self._rules.contacts.patch(call.path("email"), call.content)
            self._rules.newsletter.process_changes(notify=self._knobs.callback_on_api_unsubscribe)
        return self._answer_patch(*result)

    def _delete_contact(self, call: Call) -> None:
        self._rules.contacts.delete(call.path("email"))

    def _list_fields(self, _call: Call) -> Any:
        return {"links": {}, "results": self._rules.contacts.list_fields()}

    def _define_field(self, call: Call) -> Response:
        return json_answer(self._rules.contacts.define_field(call.content), 201)

    # --- products

    def _get_product(self, call: Call) -> Any:
        return self._rules.products.get(call.path("id"))

    def _patch_product(self, call: Call) -> Response:
        return self._answer_patch(*self._rules.products.patch(call.path("id"), call.content))

    def _delete_product(self, call: Call) -> None:
        self._rules.products.delete(call.path("id"))

    # --- purchases

    def _create_purchase(self, call: Call) -> Response:
        purchase = self._rules.purchases.create(call.content, trigger=self._read_trigger(call.query))
        return json_answer(purchase, 201)

    def _get_purchase(self, call: Call) -> Any:
        return self._rules.purchases.get(call.path("id"))

    def _find_purchase(self, call: Call) -> Any:
        return self._rules.purchases.get_by_purchase_id(call.path("id"))

    def _delete_purchase(self, call: Call) -> None:
        self._rules.purchases.delete(call.path("id"))

    def _read_trigger(self, query: Mapping[str, str]) -> bool:
        """Refuses unknown parameters: with a misspelt one, the purchase would start workflows."""
        rejects_unknown = self._rules.account.rejects_unknown
        unknown = query.keys() - {"triggerPurchaseEvent"} if rejects_unknown else set()
        if unknown:
            raise unprocessable(dict.fromkeys(unknown, "unknown parameter"))
        text = query.get("triggerPurchaseEvent", "true")
        if text not in ("true", "false"):
            raise unprocessable({"triggerPurchaseEvent": "must be true or false"})
        return text == "true"

    # --- import jobs

    async def _create_import(self, request: Request) -> Response:
        check_right(request, "imports:write")
        if media_type(request) != "multipart/form-data":
            raise http_error(415, "Content-Type must be multipart/form-data.")
        async with request.form(max_files=1) as form:
            file = form.get("file")
            texts = {key: value for key, value in form.items() if isinstance(value, str)}
            options = read_options(texts, reject_unknown=self._rules.account.rejects_unknown)
            if not isinstance(file, UploadFile) or (file.content_type or "").split(";")[0] != "text/csv":
                raise unprocessable({"file": "must be a file of type text/csv"})
            if (file.size or 0) > MAX_FILE_BYTES:
                raise http_error(413, "File is larger than 50 MB.")
            created = await run_in_threadpool(self._rules.imports.create, options, file.file)
            return json_answer(created, 201)

    def _list_imports(self, call: Call) -> Any:
        return list_page(call, "imports", self._rules.imports.page)

    def _get_import(self, call: Call) -> Any:
        return self._rules.imports.get(call.path("id"), f"{call.base_url}/")

    def _delete_import(self, call: Call) -> None:
        self._rules.imports.delete(call.path("id"))

    def _download_errors(self, request: Request) -> Response:
        """The knob `error_report_link` sets a redirect or a missing file, as storage services answer."""
        link = self._knobs.error_report_link
        if link == "404":
            return Response("<Error><Code>NoSuchKey</Code></Error>", 404, media_type="application/xml")
        if link == "redirect" and "signature" not in request.query_params:
            return RedirectResponse(f"{request.url.path}?signature=sandbox", 302)
        path = self._rules.imports.error_report(request.path_params["id"])
        return FileResponse(path, media_type="text/csv")

    # --- export jobs

    def _create_export(self, call: Call) -> Response:
        return json_answer(self._rules.exports.create(call.content), 201)

    def _list_exports(self, call: Call) -> Any:
        return list_page(call, "exports", self._rules.exports.page)

    def _get_export(self, call: Call) -> Any:
        return self._rules.exports.get(call.path("id"), f"{call.base_url}/")

    def _download_export(self, request: Request) -> Response:
        path = self._rules.exports.file(request.path_params["id"], request.path_params["ticket"])
        return FileResponse(path, media_type="application/zip")

    # --- the store

    def _get_store(self, _call: Call) -> Any:
        """The settings of the account. The real shape is unknown."""
        return {
            "id": self._rules.account.ids.of("store", 0), "name": self._rules.account.shop.title,
            "authorizedDomains": self._rules.account.allowed_domains,
            "currency": self._knobs.currency, "language": self._knobs.language,
        }  # fmt: skip

    def _answer_patch(self, record: dict[str, Any], created: bool) -> Response:
        return json_answer(record, self._knobs.created_status if created else 200)


async def answer_router_error(request: Request, error: HTTPException) -> Response:
    """404 and 405 of the router and 400 of the form parser, in Connectif's form."""
    return await answer_error(request, http_error(error.status_code, error.detail))


def list_page(
    call: Call, kind: str, read: Callable[[int, str], tuple[list[dict[str, Any]], bool]]
) -> dict[str, Any]:
    """A list with links. Connectif does not document its paging parameters: follow `links.next`."""
    text = call.query.get("page", "1")
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise unprocessable({"page": "must be a positive integer"})
    number, base_url = int(text), f"{call.base_url}/"
    results, has_more = read(number, base_url)
    links = {"prev": number - 1} if number > 1 else {}
    links |= {"next": number + 1} if has_more else {}
    return {
        "links": {name: f"{base_url}{kind}/?page={page}" for name, page in links.items()},
        "results": results,
    }
