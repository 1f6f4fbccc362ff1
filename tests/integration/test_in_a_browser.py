"""The first hours of an operator, in a real browser: not live, dry run, live, and the questions to the page.

Airflow has FAB's users and roles. The pages are checked by axe-core, in both widths and both themes.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from include.outcomes import PipelineName
from tests.integration.canary import CANARIES, DOCUMENT, put_canary
from tests.integration.installation import QUICK, SECONDS, SMALL, require_browser
from tools.airflow_forms import TOKEN_COOKIE
from tools.browser import open_browser
from tools.local_stack import STORE_UPGRADE, Keys, LocalStack, StackSettings
from tools.sandbox_shop import Sandbox, running_sandbox, sandbox_connections
from tools.screenshots import write_pages
from tools.shop_reads import ShopReads

FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
STATUS, EXPLAIN = "vtex-connectif-status", "vtex-connectif-explain"
HELD_ORDER, HELD_PURCHASE = "9900000000777-01", "9900000000777"
LOST = ("lost-1", "lost-2")
READER, OUTSIDER = "reader", "outsider"
DESKTOP, PHONE = 1400, 390


@dataclass
class Operator:
    """An Airflow with a simulated shop, and the browser of the person who runs it."""

    sandbox: Sandbox
    shop: ShopReads
    stack: LocalStack
    browser: Browser

    def page(
        self, path: str = f"{STATUS}/", *, user: str = "admin", width: int = DESKTOP, **more: Any
    ) -> Page:
        """Open a path as a user, in a window of this width."""
        context = self.browser.new_context(viewport={"width": width, "height": 900}, **more)
        cookie = {"name": TOKEN_COOKIE, "value": self.token(user), "url": self.stack.url}
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        page.goto(f"{self.stack.url}/{path}")
        return page

    def token(self, user: str) -> str:
        """A token of Airflow for this user."""
        login = {"username": user, "password": self.stack.keys.password}
        answer = requests.post(f"{self.stack.url}/auth/token", json=login, timeout=30)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def run(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> str:
        """Run a DAG and return the state that it ends in."""
        self.stack.rest.trigger(dag_id, run_id, conf)
        return str(self.stack.rest.wait(dag_id, run_id, stall_seconds=SECONDS)["state"])

    def put(self, path: str, body: dict[str, Any]) -> None:
        """Put a record into the simulated VTEX."""
        requests.put(f"{self.sandbox.vtex}/_sandbox/{path}", json=body, timeout=20).raise_for_status()

    def written(self) -> dict[str, Any]:
        """The counts of all that a sync can change at Connectif."""
        return {name: count for name, count in self.shop.state().items() if name != "rate_limit"}

    def day(self) -> dict[str, str]:
        """The last whole day of the simulated shop, as the window of a run."""
        day = self.sandbox.last_day
        return {
            "window_start": f"{day}T00:00:00+00:00",
            "window_end": f"{day + timedelta(days=1)}T00:00:00+00:00",
        }


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require_browser()
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), options=(*SMALL, *QUICK)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> StackSettings:
    """An Airflow that is not live, with a user who may read and one without permissions."""
    home = tmp_path_factory.mktemp("airflow")
    password = Keys.of(home).password
    return StackSettings(
        home=home,
        connections=sandbox_connections(sandbox),
        parallelism=2,
        environment={"AIRFLOW__CORE__AUTH_MANAGER": FAB, "SYNC_RUN__LIVE": "false"},
        prepare=(
            STORE_UPGRADE,
            *(_user(name, role, password) for name, role in (("admin", "Admin"), (READER, "Viewer"))),
            _user(OUTSIDER, "Public", password),
            ("-m", "airflow", "roles", "create", "pages"),
            ("-m", "airflow", "roles", "add-perms", "pages", "--resource", "Plugins", "--action", "can_read"),
            ("-m", "airflow", "users", "add-role", "--username", READER, "--role", "pages"),
        ),
    )


def _user(name: str, role: str, password: str) -> tuple[str, ...]:
    named = ("--username", name, "--firstname", name, "--lastname", "x", "--email", f"{name}@example.com")
    return ("-m", "airflow", "users", "create", *named, "--role", role, "--password", password)


@pytest.fixture(scope="module")
def not_live(sandbox: Sandbox, settings: StackSettings, browser: Browser) -> Iterator[Operator]:
    with closing(ShopReads(sandbox.first)) as shop, LocalStack(settings) as stack:
        yield Operator(sandbox, shop, stack, browser)


def require_accessible(page: Page) -> None:
    """axe-core finds nothing, and nothing is wider than the window."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    too_wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert not too_wide, f"{page.url} is wider than {page.viewport_size}"


def test_not_live__the_first_switched_on_dag_writes_nothing_and_the_page_says_so(not_live: Operator) -> None:
    before = not_live.written()
    page = not_live.page("dags/sync_products")
    page.get_by_role("button", name="Trigger Dag").click()
    form = page.get_by_role("dialog")
    form.get_by_role("button", name="Trigger", exact=True).click()
    expect(form).to_be_hidden(timeout=30_000)
    rest = not_live.stack.rest
    rest.unpause("sync_products")
    (run,) = rest.runs("sync_products")
    assert rest.wait("sync_products", run["dag_run_id"], stall_seconds=SECONDS)["state"] == "success"
    assert not_live.written() == before
    page.goto(f"{not_live.stack.url}/{STATUS}/")
    expect(page.get_by_role("status").filter(has_text="Not live.")).to_be_visible()
    products = page.locator("section#products")
    expect(products).to_contain_text("Last dry run")
    expect(products).to_contain_text(re.compile(r"\d+ would be sent"))
    expect(products).to_contain_text("No run yet")
    require_accessible(page)
    log = "\n".join(rest.log("sync_products", run["dag_run_id"], "extract", 1))
    assert "dry run: the shop is not live" in log
    last = "\n".join(rest.log("sync_products", run["dag_run_id"], "report", 1))
    assert "to go live, set run.live" in last


@pytest.fixture(scope="module")
def live(
    sandbox: Sandbox, settings: StackSettings, browser: Browser, not_live: Operator
) -> Iterator[Operator]:
    """The same Airflow after the operator has set `run.live`, with a night's runs."""
    not_live.stack.__exit__(None, None, None)
    environment = {**settings.environment, "SYNC_RUN__LIVE": "true"}
    again = replace(settings, environment=environment, prepare=())
    with closing(ShopReads(sandbox.first)) as shop, LocalStack(again) as stack:
        operator = Operator(sandbox, shop, stack, browser)
        put_canary(sandbox.vtex, sandbox.last_day)
        for document in LOST:
            operator.put(f"documents/{document}", {"firstName": "Zwitscher"})
        created = f"{sandbox.last_day}T11:00:00.0000000"
        order = {"order_group": HELD_PURCHASE, "created": created, "authorized": created}
        operator.put(f"orders/{HELD_ORDER}", {**order, "profile_id": "11111111-2222-4333-8444-555555555555"})
        for dag_id in settings.dag_ids:
            stack.rest.unpause(dag_id)
        assert operator.run("sync_contacts", "night-contacts", {"mode": "full"}) == "success"
        window = {"mode": "window", **operator.day()}
        assert operator.run("sync_purchases", "night-purchases", window) == "success"
        yield operator


def test_live__the_runs_write_and_the_notice_is_gone(live: Operator) -> None:
    assert live.shop.state()["contacts"] > 0
    page = live.page()
    expect(page.get_by_text("Not live.")).to_have_count(0)
    expect(page.locator("a.card", has_text="Contacts")).to_contain_text("passed")
    require_accessible(page)


def test_search__of_a_held_order_begins_with_the_reason_and_the_last_day(live: Operator) -> None:
    page = live.page()
    page.get_by_label("E-mail, customer, product or order").fill(HELD_ORDER)
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".conclusion")).to_contain_text(re.compile(r"^\W*Not in Connectif.*retried until"))
    expect(page.locator(".timeline")).to_contain_text("held: contact_unresolved")
    assert HELD_ORDER not in page.url
    require_accessible(page)


def test_search__of_a_customer_shows_no_personal_value(live: Operator) -> None:
    page = live.page(f"{EXPLAIN}/")
    page.get_by_label("E-mail, customer, product or order").fill(DOCUMENT)
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".conclusion")).to_contain_text("In Connectif")
    expect(page.get_by_role("columnheader", name="VTEX now")).to_be_visible()
    text = page.content().lower()
    assert [word for word in CANARIES if word in text] == []


def test_records__csv_has_the_whole_list_without_addresses(live: Operator) -> None:
    page = live.page(f"{STATUS}/records?pipeline=contacts&code=email_missing")
    total = int(re.search(r"(\d+) record", page.locator(".total").inner_text())[1])  # type: ignore[index]
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == total >= 2
    assert "@" not in text
    require_accessible(page)


def test_records__two_chosen_ones_are_replayed(live: Operator) -> None:
    for number, document in enumerate(LOST):
        live.put(f"documents/{document}", {"email": f"found.{number}@example.com", "firstName": "Zwitscher"})
    page = live.page(f"{STATUS}/records?pipeline=contacts&code=email_missing")
    for document in LOST:
        page.locator("tr", has_text=document).get_by_role("checkbox").check()
    page.get_by_role("button", name="Replay chosen").click()
    link = page.get_by_role("link", name=re.compile("run")).first.get_attribute("href") or ""
    run_id = link.rpartition("/runs/")[2]
    state = live.stack.rest.wait("sync_contacts", unquote(run_id), stall_seconds=SECONDS)["state"]
    assert state == "success"
    for number in range(len(LOST)):
        assert live.shop.contact(f"found.{number}@example.com")
    require_accessible(page)


def test_reconcile__differences_are_amber_with_causes_and_a_list(live: Operator) -> None:
    sent = [group for group in live.shop.order_groups(live.day()) if live.shop.purchase(group)]
    for purchase_id in sent[:2]:
        url = f"{live.sandbox.connectif}/_sandbox/purchases/{purchase_id}"
        requests.delete(url, timeout=10).raise_for_status()
    conf = {"pipelines": [PipelineName.PURCHASES], **live.day()}
    assert live.run("reconcile", "differences", conf) == "success"
    page = live.page()
    card = page.locator("a.card", has_text="Reconcile")
    expect(card).to_contain_text("differences")
    expect(card).to_have_class(re.compile(r"\bwarning\b"))
    gone = page.locator("table.causes tr", has_text="gone")
    expect(gone).to_contain_text("to look at")
    with page.expect_download() as download:
        gone.get_by_role("link", name="CSV").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert all(purchase_id in text for purchase_id in sent[:2])
    require_accessible(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize(
    "path", [f"{STATUS}/", f"{STATUS}/records", f"{EXPLAIN}/", f"{STATUS}/records?code=no"]
)
def test_pages__are_accessible_in_each_width_and_theme(
    live: Operator, path: str, width: int, theme: Any
) -> None:
    require_accessible(live.page(path, width=width, color_scheme=theme))


def test_phone__each_record_is_a_card_with_its_buttons_in_view(live: Operator) -> None:
    page = live.page(f"{STATUS}/records?pipeline=contacts", width=PHONE)
    row = page.locator("table.records tbody tr").first
    for button in row.get_by_role("button").all():
        box = button.bounding_box()
        assert box
        assert 0 <= box["x"] <= box["x"] + box["width"] <= PHONE


@pytest.mark.parametrize(("theme", "is_dark"), [("dark", True), ("light", False)])
def test_frame__follows_the_theme_of_airflow_and_not_of_the_machine(
    live: Operator, theme: str, is_dark: bool
) -> None:
    other: Any = "light" if is_dark else "dark"
    page = live.page("", color_scheme=other)
    page.evaluate(f"localStorage.setItem('theme', '{theme}')")
    page.goto(f"{live.stack.url}/plugin/{STATUS}")
    body = page.frame_locator("iframe").locator("body")
    expect(body.get_by_role("heading", name="VTEX ↔ Connectif")).to_be_visible(timeout=30_000)
    colour = body.evaluate("body => getComputedStyle(body).backgroundColor")
    brightness = sum(int(part) for part in re.findall(r"\d+", colour)[:3]) / 3
    assert (brightness < 80) is is_dark, colour


def test_reader__sees_no_names_and_no_buttons(live: Operator) -> None:
    page = live.page(f"{STATUS}/records?pipeline=contacts&code=email_missing", user=READER)
    expect(page.locator("table.records")).to_be_visible()
    expect(page.get_by_role("checkbox")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("Replay"))).to_have_count(0)
    text = page.content().lower()
    assert [word for word in CANARIES if word in text] == []
    answer = page.request.post(
        f"{live.stack.url}/{STATUS}/replay", form={"pipeline": "contacts", "key": LOST[0], "do": "chosen"}
    )
    assert answer.status == 403


def test_outsider__gets_a_page_without_any_record(live: Operator) -> None:
    for path in (f"{STATUS}/", f"{STATUS}/records", f"{EXPLAIN}/", f"{STATUS}/records.csv"):
        page = live.page(user=OUTSIDER)
        answer = page.request.get(f"{live.stack.url}/{path}")
        assert answer.status == 403
        assert not any(key in answer.text() for key in (*LOST, HELD_ORDER, DOCUMENT, *CANARIES))


# --- several shops


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of a made-up history, without Airflow."""
    return write_pages(tmp_path_factory.mktemp("pages"))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_all_shops__are_accessible_in_each_width_and_theme(
    browser: Browser, drawn: Path, width: int, theme: Any
) -> None:
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme).new_page()
    page.goto((drawn / "shops.html").as_uri())
    expect(page.get_by_role("row" if width == DESKTOP else "link", name="mx").first).to_be_visible()
    require_accessible(page)


@pytest.fixture(scope="module")
def two_shops(settings: StackSettings, live: Operator) -> Iterator[Operator]:
    """The same Airflow with a second shop of the same accounts, whose name is `es`."""
    live.stack.__exit__(None, None, None)
    environment = {
        **settings.environment,
        "SYNC_RUN__LIVE": "true",
        "SYNC_SHOPS__ES__SCHEDULE__TIME_ZONE": "Europe/Madrid",
    }
    same = {f"{kind}_es": settings.connections[f"{kind}_default"] for kind in ("vtex", "connectif")}
    connections = {**settings.connections, **same}
    chosen = replace(settings, environment=environment, connections=connections, prepare=())
    with LocalStack(chosen) as stack:
        yield replace(live, stack=stack)


def test_two_shops__the_overview_is_sorted_and_leads_to_the_page_of_a_shop(two_shops: Operator) -> None:
    page = two_shops.page()
    names = page.locator("table.shops tbody th")
    expect(names).to_have_count(2)
    page.get_by_role("link", name="Shop", exact=True).click()
    expect(names).to_have_text(["default", "es"])
    page.get_by_role("link", name="Shop", exact=True).click()
    expect(names).to_have_text(["es", "default"])
    expect(page.get_by_role("columnheader", name="Shop")).to_have_attribute("aria-sort", "descending")
    require_accessible(page)
    page.locator("table.shops tbody tr").first.get_by_role("link", name=re.compile("contacts of es")).click()
    expect(page).to_have_url(re.compile(r"\?shop=es#contacts$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("VTEX ↔ Connectif: es")
    expect(page.locator("section#contacts")).to_contain_text("No run yet")
    require_accessible(page)


def test_two_shops__the_search_and_the_lists_stay_with_the_shop(two_shops: Operator) -> None:
    page = two_shops.page(f"{STATUS}/records?pipeline=contacts&shop=es")
    expect(page.locator(".total")).to_contain_text("0 records")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("shop=es"))
    page = two_shops.page(f"{STATUS}/records?pipeline=contacts&shop=default")
    expect(page.locator(".total")).not_to_contain_text("0 records")
    page = two_shops.page(f"{STATUS}/?shop=es")
    page.get_by_label("E-mail, customer, product or order").fill(DOCUMENT)
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Explain one record of es")
    expect(page).to_have_url(re.compile("shop=es"))
    require_accessible(page)


def test_two_shops__without_a_shop_the_page_asks_for_one(two_shops: Operator) -> None:
    page = two_shops.page(f"{EXPLAIN}/")
    require_accessible(page)
    page.get_by_role("link", name="es", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Explain one record of es")
