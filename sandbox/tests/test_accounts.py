"""Several shops on the same two ports: which account a call reaches, and that nothing crosses."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations, permutations
from typing import Any
from urllib.parse import urljoin

import pytest
import requests

from sandbox.connectif.vendor import Connectif
from sandbox.core.clock import Clock
from sandbox.core.dispatch import AccountDispatcher
from sandbox.core.server import Server
from sandbox.shop import ShopData, Sizes
from sandbox.shop.catalogue import first_sku
from sandbox.shop.identity import ShopIdentity, identity_of
from sandbox.tests.callback_receiver import Receiver
from sandbox.tests.connectif_api import wait_until
from sandbox.tests.vtex_api import CL, IDS, ORDERS, SEARCH
from sandbox.vtex.vendor import Vtex

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SIZES = Sizes(contacts=210, products=45, orders_per_day=40, days=2)
CHANNELS = "/api/catalog_system/pvt/saleschannel/list"
BAD_FILE = "_email,_name\nno-address,Ana\n"


@dataclass
class Accounts:
    """Both ports, and the shops behind them."""

    vtex: str
    connectif: str
    shops: list[Shop]


class Shop:
    """One shop's account at both vendors, with its keys."""

    def __init__(self, data: ShopData, vtex: str, connectif: str) -> None:
        self.data, self.identity = data, data.identity
        self.vtex, self.connectif = f"{vtex}/{data.account}", connectif
        self.planes = (f"{self.vtex}/_sandbox", f"{connectif}/{data.account}/_sandbox")

    @property
    def vtex_key(self) -> dict[str, str]:
        return vtex_headers(self.identity.vtex_key, self.identity.named("sandbox-token"))

    @property
    def connectif_key(self) -> dict[str, str]:
        return connectif_headers(self.identity.connectif_key, self.identity.named("sandbox-key-secret"))

    def at_vtex(self, path: str, **query: Any) -> Any:
        return read(requests.get(self.vtex + path, params=query, headers=self.vtex_key, timeout=10))

    def at_connectif(self, verb: str, path: str, **more: Any) -> requests.Response:
        return requests.request(verb, self.connectif + path, headers=self.connectif_key, timeout=10, **more)

    def status(self, plane: int) -> int:
        """The answer to a call of VTEX (0) or of Connectif (1)."""
        if plane:
            return self.at_connectif("GET", "/store/").status_code
        return requests.get(self.vtex + CHANNELS, headers=self.vtex_key, timeout=10).status_code

    def control(self, plane: int, verb: str, path: str, body: Any = None) -> Any:
        """`plane` 0 is VTEX's control plane, 1 is Connectif's."""
        return read(requests.request(verb, f"{self.planes[plane]}/{path}", json=body, timeout=10))

    def counts(self, plane: int) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = self.control(plane, "GET", "journal")["counts"]
        return found


def read(answer: requests.Response) -> Any:
    assert answer.ok, f"{answer.status_code} {answer.text}"
    return answer.json()


def vtex_headers(key: str, token: str) -> dict[str, str]:
    return {"X-VTEX-API-AppKey": key, "X-VTEX-API-AppToken": token}


def connectif_headers(key: str, secret: str) -> dict[str, str]:
    return {"Authorization": f"apiKey {key}:{secret}"}


@pytest.fixture(scope="module")
def running() -> Iterator[Accounts]:
    clock = Clock(NOON)
    data = [ShopData(seed=7, now=NOON, sizes=SIZES, identity=identity_of(number)) for number in range(3)]
    vtex, connectif = [Vtex(shop, clock) for shop in data], [Connectif(shop, clock) for shop in data]
    with (
        Server(AccountDispatcher(vtex, clock)) as first,
        Server(AccountDispatcher(connectif, clock)) as second,
    ):
        yield Accounts(first.url, second.url, [Shop(shop, first.url, second.url) for shop in data])
    for vendor in (*vtex, *connectif):
        vendor.close()


@pytest.fixture
def accounts(running: Accounts) -> Accounts:
    """All accounts as at the start, at noon."""
    requests.post(
        f"{running.vtex}/_sandbox/clock", json={"now": NOON.isoformat(), "frozen": True}, timeout=5
    ).raise_for_status()
    for shop in running.shops:
        for plane in (0, 1):
            shop.control(plane, "POST", "reset", {})
    return running


@pytest.fixture
def shops(accounts: Accounts) -> list[Shop]:
    return accounts.shops


@pytest.fixture
def spain(shops: list[Shop]) -> Shop:
    return shops[1]


@pytest.fixture
def mexico(shops: list[Shop]) -> Shop:
    return shops[2]


# --- the data


def test_shops__are_of_different_countries() -> None:
    found = [identity_of(number) for number in (0, 1, 2, 3, 4, 5)]
    assert [shop.account for shop in found[:3]] == ["sandboxshop", "sandboxspain", "sandboxmexico"]
    assert [(shop.country.code, shop.country.currency) for shop in found[:3]] == [
        ("BR", "BRL"),
        ("ES", "EUR"),
        ("MX", "MXN"),
    ]
    assert [shop.name for shop in found] == ["", "es", "mx", "ar", "pe", "es2"]


@pytest.mark.parametrize("field", ["account", "domain", "vtex_key", "connectif_key", "mark", "title"])
def test_shops__have_names_of_their_own(field: str) -> None:
    names = [getattr(identity_of(number), field) for number in range(100)]
    assert len(set(names)) == 100


def test_ids__of_a_hundred_large_shops_do_not_meet() -> None:
    starts = [identity_of(number).first_product for number in range(100)]
    products = [(start, start + 50_000) for start in starts]
    skus = [(first_sku(first), first_sku(last)) for first, last in products]
    for one, two in permutations(range(100), 2):
        for first, second in ((products, products), (products, skus), (skus, skus)):
            assert first[one][1] <= second[two][0] or second[two][1] <= first[one][0], (one, two)


def ids_and_addresses(shop: Shop) -> set[str]:
    """All ids and e-mail addresses of the shop's records at VTEX."""
    data, found = shop.data, set[str]()
    for customer in data.customers():
        found |= {customer.document_id, customer.user_id or "", f"{customer.email}"}
    for product in data.products():
        found |= {f"{product.product_id}", product.reference, product.name, product.link_text}
        found |= {f"{sku.sku_id}" for sku in product.skus}
    for basket in data.baskets.all():
        found |= {basket.group, basket.form_id, basket.address, *(part.order_id for part in basket.parts)}
    return found - {"", "None"}


def test_ids_and_addresses__of_one_shop_exist_in_no_other(shops: list[Shop]) -> None:
    found = [ids_and_addresses(shop) for shop in shops]
    assert min(map(len, found)) > 600
    for one, two in combinations(found, 2):
        assert one & two == set()


def test_order__has_currency_country_and_number_of_its_shop(shops: list[Shop]) -> None:
    printed = []
    for shop in shops:
        order_id = next(one.parts[0].order_id for one in shop.data.baskets.all() if one.channel == 1)
        order = shop.at_vtex(f"{ORDERS}/{order_id}")
        again = shop.at_vtex(f"{ORDERS}/seq{order['sequence']}")
        listed = shop.at_vtex(ORDERS, per_page=100, orderBy="creationDate,asc")["list"]
        assert again["orderId"] == order_id
        assert order["sequence"] in {one["sequence"] for one in listed}
        preferences = order["storePreferencesData"]
        printed.append(
            (order["hostname"], *(preferences[name] for name in ("countryCode", "currencyCode", "timeZone")))
        )
    assert printed == [
        ("sandboxshop", "BRA", "BRL", "E. South America Standard Time"),
        ("sandboxspain", "ESP", "EUR", "Romance Standard Time"),
        ("sandboxmexico", "MEX", "MXN", "Central Standard Time (Mexico)"),
    ]


def test_sales_channels__sell_in_the_currency_of_the_country(shops: list[Shop]) -> None:
    channels = [shop.at_vtex(CHANNELS)[0] for shop in shops]
    assert [
        (one["Name"], one["CountryCode"], one["CultureInfo"], one["CurrencyCode"], one["CurrencySymbol"])
        for one in channels
    ] == [
        ("Loja principal", "BRA", "pt-BR", "BRL", "R$"),
        ("Tienda principal", "ESP", "es-ES", "EUR", "€"),
        ("Tienda principal", "MEX", "es-MX", "MXN", "$"),
    ]


def test_customers__have_phones_and_documents_of_the_country(spain: Shop) -> None:
    customers = list(spain.data.customers())[45:200]
    phones = {(one.home_phone or one.phone or one.cell_phone or "")[:4] for one in customers}
    assert phones == {"+346", ""}
    assert all(len(one.document or "") == 9 for one in customers)
    found = spain.control(0, "GET", f"documents/{customers[0].document_id}")
    assert (found["documentType"], found["localeDefault"]) == ("dni", "es-ES")


def test_put_order__has_the_currency_of_the_shop(spain: Shop) -> None:
    spain.control(0, "PUT", "orders/900-01", {"order_group": "900", "created": "2026-11-23T10:00:00.0000000"})
    assert spain.at_vtex(f"{ORDERS}/900-01")["storePreferencesData"]["currencyCode"] == "EUR"


# --- VTEX: the account is in the path or in the host


@pytest.mark.parametrize(
    "host", ["{}.vtexcommercestable.com.br", "{}.vtexcommercestable.com.br:443", "{}:8101"]
)
def test_vtex__the_host_names_the_account(accounts: Accounts, host: str) -> None:
    for shop in accounts.shops:
        headers = shop.vtex_key | {"Host": host.format(shop.identity.account)}
        found = read(requests.get(f"{accounts.vtex}{CL}/search", headers=headers, timeout=5))
        assert found
        assert {one["id"] for one in found} <= {customer.document_id for customer in shop.data.customers()}


def test_vtex__without_an_account_it_is_the_first(accounts: Accounts) -> None:
    first = accounts.shops[0]
    for host in ("127.0.0.1", "unknown.vtexcommercestable.com.br"):
        answer = requests.get(
            f"{accounts.vtex}{CHANNELS}", headers=first.vtex_key | {"Host": host}, timeout=5
        )
        assert read(answer)[0]["CountryCode"] == "BRA"


def test_vtex__public_search_shows_the_shops_own_products(shops: list[Shop]) -> None:
    shown = [{int(one["productId"]) for one in shop.at_vtex(SEARCH, _from=0, _to=49)} for shop in shops]
    for shop, products in zip(shops, shown, strict=True):
        assert products <= {product.product_id for product in shop.data.products()}
        assert products


def test_vtex__a_key_of_another_account_is_refused(shops: list[Shop]) -> None:
    for one in shops:
        for other in shops:
            answer = requests.get(f"{one.vtex}{IDS}", headers=other.vtex_key, timeout=5)
            assert answer.status_code == (200 if one is other else 401)


def test_vtex__a_token_of_another_account_is_refused(spain: Shop, mexico: Shop) -> None:
    headers = vtex_headers(spain.identity.vtex_key, mexico.identity.named("sandbox-token"))
    assert requests.get(f"{spain.vtex}{IDS}", headers=headers, timeout=5).status_code == 401


def test_vtex__a_write_changes_one_account(shops: list[Shop], spain: Shop) -> None:
    document_id = next(spain.data.customers()).document_id
    answer = requests.patch(
        f"{spain.vtex}{CL}/documents/{document_id}",
        json={"isNewsletterOptIn": True, "firstName": "Nueva"},
        headers=spain.vtex_key,
        timeout=5,
    )
    assert answer.status_code == 204
    assert [len(shop.control(0, "GET", "changes")) for shop in shops] == [0, 1, 0]
    statuses = [
        requests.get(f"{shop.vtex}{CL}/documents/{document_id}", headers=shop.vtex_key, timeout=5).status_code
        for shop in shops
    ]
    assert statuses == [404, 200, 404]


def test_vtex__an_unknown_path_of_an_account_answers_404(spain: Shop) -> None:
    for path in ("", "/", "/sandboxmexico/api/catalog_system/pub/products/search", "x/api"):
        answer = requests.get(f"{spain.vtex}{path}", allow_redirects=False, timeout=5)
        assert answer.status_code == 404, path


# --- Connectif: the key names the account


def test_connectif__the_key_decides(shops: list[Shop]) -> None:
    stores = [read(shop.at_connectif("GET", "/store/")) for shop in shops]
    assert [(store["currency"], store["language"]) for store in stores] == [
        ("BRL", "pt-BR"),
        ("EUR", "es-ES"),
        ("MXN", "es-MX"),
    ]
    assert len({store["id"] for store in stores}) == 3
    assert stores[0]["id"] == "5fb000000000000000000000"
    domains = [store["authorizedDomains"] for store in stores]
    assert domains == [[f"https://{shop.data.domain}"] for shop in shops]


def test_connectif__a_new_key_leads_to_the_same_store(spain: Shop) -> None:
    before = read(spain.at_connectif("GET", "/store/"))
    spain.control(1, "POST", "keys", {"id": "rotated", "secret": "new"})
    spain.control(1, "DELETE", f"keys/{spain.identity.connectif_key}")
    answer = requests.get(f"{spain.connectif}/store/", headers=connectif_headers("rotated", "new"), timeout=5)
    assert read(answer) == before
    assert spain.at_connectif("GET", "/store/").status_code == 401


def test_connectif__a_secret_of_another_account_is_refused(shops: list[Shop], spain: Shop) -> None:
    headers = connectif_headers(spain.identity.connectif_key, shops[0].identity.named("sandbox-key-secret"))
    assert requests.get(f"{spain.connectif}/store/", headers=headers, timeout=5).status_code == 401
    assert [shop.counts(1) for shop in shops] == [{}, {"get store": {"401": 1}}, {}]


@pytest.mark.parametrize("header", ["apiKey unknown:secret", "Bearer x", ""])
def test_connectif__an_unknown_key_is_refused(shops: list[Shop], header: str) -> None:
    answer = requests.get(f"{shops[0].connectif}/store/", headers={"Authorization": header}, timeout=5)
    assert (answer.status_code, answer.text) == (401, "Unauthorized")
    assert [shop.counts(1) for shop in shops] == [{"get store": {"401": 1}}, {}, {}]


def test_connectif__its_api_has_no_account_in_the_path(spain: Shop) -> None:
    path = f"/{spain.identity.account}/store/"
    assert spain.at_connectif("GET", path).status_code == 404


def test_connectif__a_contact_exists_in_one_account(shops: list[Shop], spain: Shop) -> None:
    created = read(spain.at_connectif("PATCH", "/contacts/email/ana@example.com", json={"_name": "Ana"}))
    assert [shop.at_connectif("GET", "/contacts/email/ana@example.com").status_code for shop in shops] == [
        404,
        200,
        404,
    ]
    assert created["id"].startswith("5fc000001")


def test_connectif__ids_of_one_account_are_unknown_in_another(spain: Shop, mexico: Shop) -> None:
    group = next(spain.data.tracked_purchases()).group
    purchase = read(spain.at_connectif("GET", f"/purchases/purchase-id/{group}"))
    assert spain.at_connectif("GET", f"/purchases/{purchase['id']}").status_code == 200
    assert mexico.at_connectif("GET", f"/purchases/{purchase['id']}").status_code == 404
    assert mexico.at_connectif("GET", f"/purchases/purchase-id/{group}").status_code == 404


def test_connectif__phones_get_the_countrys_prefix(spain: Shop) -> None:
    job = run_import(spain, "_email,_mobilePhone\nana@example.com,612345678\n")
    assert (job["status"], job["success"]) == ("finished", 1)
    contact = read(spain.at_connectif("GET", "/contacts/email/ana@example.com"))
    assert contact["_mobilePhone"] == "+34612345678"


def test_callbacks__go_to_the_urls_of_the_account(
    shops: list[Shop], spain: Shop, mexico: Shop, receiver: Receiver
) -> None:
    for shop in (spain, mexico):
        urls = {"subscribe": f"{receiver.url}/{shop.identity.name}"}
        shop.control(1, "POST", "callbacks", urls)
    for shop in (spain, shops[0]):
        shop.control(1, "POST", "subscribe", {"email": "ana@example.com"})
    wait_until(lambda: spain.control(1, "GET", "callbacks")["made"], bool)
    assert [path.partition("?")[0] for _, path, _ in receiver.calls] == ["/es"]
    assert [len(shop.control(1, "GET", "callbacks")["made"]) for shop in shops] == [0, 1, 0]
    assert mexico.at_connectif("GET", "/contacts/email/ana@example.com").status_code == 404


# --- files have no key


def run_import(shop: Shop, text: str) -> Any:
    form = {
        "type": "contacts",
        "overrideExisting": "true",
        "updateOnlyEmptyFields": "false",
        "delimiter": ",",
    }
    file = ("rows.csv", io.BytesIO(text.encode()), "text/csv")
    return wait_for_job(
        shop, "imports", shop.at_connectif("POST", "/imports/", data=form, files={"file": file})
    )


def wait_for_job(shop: Shop, kind: str, created: requests.Response) -> Any:
    job_id = read(created)["id"]
    return wait_until(
        lambda: read(shop.at_connectif("GET", f"/{kind}/{job_id}")),
        lambda job: job["status"] in ("finished", "error"),
    )


def test_export_file__has_the_contacts_of_the_account(shops: list[Shop]) -> None:
    files = []
    for shop in shops:
        body = {"exportType": "contacts", "delimiter": ",", "dateFormat": "ISO"}
        job = wait_for_job(shop, "exports", shop.at_connectif("POST", "/exports/", json=body))
        archive = zipfile.ZipFile(io.BytesIO(requests.get(job["fileUrl"], timeout=5).content))
        lines = archive.read(archive.namelist()[0]).decode().splitlines()[1:]
        files.append({cell for line in lines for cell in line.split(",")[:2]})
        addresses = {customer.address for customer in shop.data.customers()}
        assert len(files[-1] & addresses) > 50
    assert all(not one & two for one, two in combinations(files, 2))


def test_export_file__of_one_account_is_not_found_in_another(spain: Shop, mexico: Shop) -> None:
    body = {"exportType": "contacts", "delimiter": ",", "dateFormat": "ISO"}
    url = wait_for_job(spain, "exports", spain.at_connectif("POST", "/exports/", json=body))["fileUrl"]
    wait_for_job(mexico, "exports", mexico.at_connectif("POST", "/exports/", json=body))
    path = url.partition("/files/")[2]
    assert url == f"{spain.connectif}/sandboxspain/files/{path}"
    for wrong in (f"{spain.connectif}/files/{path}", f"{spain.connectif}/sandboxmexico/files/{path}"):
        assert requests.get(wrong, timeout=5).status_code == 404


@pytest.mark.parametrize("link", ["absolute", "relative", "redirect"])
def test_error_report__is_the_accounts_own(shops: list[Shop], spain: Shop, link: str) -> None:
    spain.control(1, "POST", "knobs", {"error_report_link": link})
    url = run_import(spain, BAD_FILE)["errorReportFileUrl"]
    answer = requests.get(urljoin(f"{spain.connectif}/", url), timeout=5)
    assert "no-address" in answer.text
    downloads = [shop.counts(1).get("download import errors", {}) for shop in shops]
    assert downloads == [{}, {"200": 1, "302": 1} if link == "redirect" else {"200": 1}, {}]


def test_imports__are_listed_in_one_account(shops: list[Shop], spain: Shop) -> None:
    run_import(spain, BAD_FILE)
    assert [len(read(shop.at_connectif("GET", "/imports/"))["results"]) for shop in shops] == [0, 1, 0]


# --- rate limits, faults, knobs, journals: one set for each account


def test_rate_limits__are_the_accounts_own(shops: list[Shop], spain: Shop) -> None:
    spain.control(1, "POST", "traffic", {"slots": 100})
    assert [shop.status(1) for shop in shops] == [200, 429, 200]
    spain.control(0, "POST", "knobs", {"rate_catalog": 1})
    assert spain.status(0) == 200
    assert [shop.status(0) for shop in shops] == [200, 429, 200]


@pytest.mark.parametrize("plane", [0, 1])
def test_faults__strike_one_account(shops: list[Shop], mexico: Shop, plane: int) -> None:
    mexico.control(plane, "POST", "faults", {"script": [{"status": 503, "calls": 9}]})
    assert [shop.status(plane) for shop in shops] == [200, 200, 503]


@pytest.mark.parametrize("plane", [0, 1])
def test_journals_and_knobs__belong_to_one_account(shops: list[Shop], spain: Shop, plane: int) -> None:
    spain.control(plane, "POST", "knobs", {"journal_bodies": True})
    assert spain.status(plane) == 200
    assert [len(shop.counts(plane)) for shop in shops] == [0, 1, 0]
    knobs = [shop.control(plane, "GET", "knobs")["journal_bodies"] for shop in shops]
    assert knobs == [False, True, False]


def test_reset__concerns_one_account(shops: list[Shop], spain: Shop) -> None:
    for shop in shops:
        assert shop.at_connectif("PATCH", "/contacts/email/ana@example.com", json={"_name": "Ana"}).ok
    spain.control(1, "POST", "reset", {})
    statuses = [shop.at_connectif("GET", "/contacts/email/ana@example.com").status_code for shop in shops]
    assert statuses == [200, 404, 200]


def test_control_plane__without_an_account_is_the_first_ones(accounts: Accounts) -> None:
    for url in (accounts.vtex, accounts.connectif):
        requests.post(f"{url}/_sandbox/knobs", json={"journal_bodies": True}, timeout=5).raise_for_status()
    for plane in (0, 1):
        knobs = [shop.control(plane, "GET", "knobs")["journal_bodies"] for shop in accounts.shops]
        assert knobs == [True, False, False]


def test_clock__is_one_for_all_accounts(shops: list[Shop], spain: Shop) -> None:
    spain.control(1, "POST", "clock", {"advance_seconds": 3600})
    clocks = {shop.control(plane, "GET", "clock")["now"][:19] for shop in shops for plane in (0, 1)}
    assert clocks == {"2026-11-23T13:00:00"}


@pytest.mark.parametrize("plane", [0, 1])
def test_page__names_the_account_and_links_to_the_others(shops: list[Shop], plane: int) -> None:
    for shop in shops:
        page = requests.get(shop.planes[plane], timeout=5)
        assert page.url == f"{shop.planes[plane]}/"
        assert f"<b>{shop.identity.account}</b>" in page.text
        for other in shops:
            link = f'href="/{other.identity.account}/_sandbox/"'
            assert (link in page.text) is (other is not shop)


def test_identity__of_the_first_shop_stays() -> None:
    first: ShopIdentity = ShopData(seed=7, now=NOON).identity
    assert (first.vtex_key, first.connectif_key) == ("vtexappkey-sandboxshop-DEMO", "sandbox-key-id")
    assert (first.first_product, first.first_checkout, first.first_sequence) == (0, 1_300_000_000_000, 0)
