"""The page "Explain one record" in Airflow's api-server: permissions, answers, and what it hides."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.state import upgrade
from sandbox.shop import Sizes
from tests.api_server import Page, allowed, auth_manager
from tests.builders import APP_KEY, APP_TOKEN, KEY_ID, KEY_SECRET, SimulatedShop, simulated_shop

EMAIL = "Ana.Piepmatz@example.com"
NOT_YET = "Not in Connectif; the next run sends it"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def shop() -> Iterator[SimulatedShop]:
    with simulated_shop(Sizes(contacts=20, products=5, orders_per_day=2, days=2)) as shop:
        shop.on_vtex("PUT", "documents/ana", {"email": EMAIL, "firstName": "Zwitscher"})
        yield shop


@pytest.fixture(scope="module")
def page(airflow_db: None) -> Iterator[Page]:
    from plugins.web.explain_page import build  # noqa: PLC0415

    with auth_manager():
        yield Page(build())


@pytest.fixture
def connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shop: SimulatedShop) -> None:
    state = tmp_path / "state.db"
    upgrade(f"sqlite:///{state}")
    for name, fields in {
        "vtex_default": {
            "conn_type": "vtex",
            "host": shop.vtex_url,
            "login": APP_KEY,
            "password": APP_TOKEN,
            "extra": {"account": "sandboxshop", "shop_domain": "www.sandbox-shop.example"},
        },
        "connectif_default": {
            "conn_type": "connectif",
            "host": shop.connectif_url,
            "login": KEY_ID,
            "password": KEY_SECRET,
        },
        "sync_state": {"conn_type": "sqlite", "host": str(state), "extra": {"hash_key": "k" * 32}},
    }.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))


def test_page__requires_a_login(page: Page) -> None:
    assert page.get("/").status_code == 401
    assert page.post("/", data={"record": EMAIL}).status_code == 401


def test_page__requires_the_permission_to_read_runs(page: Page, connections: None) -> None:
    assert page.post("/", data={"record": EMAIL}, headers=allowed(role=None)).status_code == 403


def test_form__posts_and_has_its_headers(page: Page) -> None:
    answer = page.get("/", headers=allowed())
    assert answer.status_code == 200
    assert 'method="post" action="./"' in answer.text
    assert "<select" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert page.get("/static/page.css").status_code == 200


def test_answer__explains_the_record_and_masks_personal_data(
    page: Page, connections: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = page.post("/", data={"record": EMAIL, "kind": ""}, headers=allowed())
    assert answer.status_code == 200, answer.text
    assert NOT_YET in answer.text
    for secret in ("piepmatz", "zwitscher", "ana."):
        assert secret not in answer.text.lower()
    assert "piepmatz" not in caplog.text.lower()


def test_form__of_another_site_is_refused(page: Page, connections: None) -> None:
    """A browser sends the cookie of the session with the form of any site, but not the token."""
    session = {"Cookie": f"_token={allowed()['Authorization'].removeprefix('Bearer ')}"}
    token = re.findall('name="form_token" value="([0-9a-f]{64})"', page.get("/", headers=session).text)[0]
    for wrong in ({}, {"form_token": ""}, {"form_token": "0" * 64}, {"form_token": "é"}):
        refused = page.post("/", data={"record": EMAIL, **wrong}, headers=session)
        assert (refused.status_code, "Enter the record again" in refused.text) == (403, True)
    other = {"Cookie": f"_token={allowed('op')['Authorization'].removeprefix('Bearer ')}"}
    assert page.post("/", data={"record": EMAIL, "form_token": token}, headers=other).status_code == 403
    basic = {**session, "Authorization": "Basic YTpi"}
    assert page.post("/", data={"record": EMAIL}, headers=basic).status_code == 403
    answer = page.post("/", data={"record": EMAIL, "form_token": token}, headers=session)
    assert answer.status_code == 200, answer.text
    assert NOT_YET in answer.text


def test_answer__of_a_number_offers_the_other_kind(page: Page, connections: None) -> None:
    product = page.post("/", data={"record": "1"}, headers=allowed()).text
    assert "Look up the order with this id instead" in product
    order = page.post("/", data={"record": "1", "kind": "order"}, headers=allowed()).text
    assert "Order <strong" in order
    assert "Look up the product with this id instead" in order


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"record": "<b>x y</b>"}, "give one e-mail"),
        ({"record": EMAIL, "kind": "basket"}, "belongs to a kind that you did not choose"),
        ({}, "give one e-mail"),
        ({"record": ".."}, "give one e-mail"),
        ({"record": "..", "kind": "order"}, "give one e-mail"),
        ({"record": "%2e%2e/catalog", "kind": "customer"}, "give one e-mail"),
        ({"record": "*@example.com"}, "give one e-mail"),
    ],
)
def test_answer__does_not_repeat_a_text_that_is_not_a_record(
    page: Page, connections: None, fields: dict[str, str], problem: str
) -> None:
    answer = page.post("/", data=fields, headers=allowed())
    assert (answer.status_code, problem in answer.text) == (400, True)
    assert "<b>" not in answer.text
    assert EMAIL not in answer.text


def test_answer__is_413_for_a_form_that_is_too_long(page: Page) -> None:
    answer = page.post("/", content=b"record=" + b"x" * 5_000, headers={**allowed(), **FORM})
    assert answer.status_code == 413


def test_page__names_the_missing_connection(page: Page) -> None:
    answer = page.post("/", data={"record": EMAIL}, headers=allowed())
    assert answer.status_code == 503
    assert "There is no connection vtex_default" in answer.text


def test_plugin__is_in_the_navigation() -> None:
    from plugins.pages_plugin import PagesPlugin  # noqa: PLC0415

    entries = [view for view in PagesPlugin.external_views if view["destination"] == "nav"]
    assert [f"/{view['href']}" for view in entries] == [
        f"{app['url_prefix']}/" for app in PagesPlugin.fastapi_apps
    ]


def test_plugin__has_a_tab_in_each_dag_and_each_run() -> None:
    from plugins.pages_plugin import PagesPlugin  # noqa: PLC0415

    tabs = {view["destination"]: view["href"] for view in PagesPlugin.external_views}
    assert tabs["dag"] == "vtex-connectif-status/open?dag_id={DAG_ID}"
    assert tabs["dag_run"] == "vtex-connectif-status/open?dag_id={DAG_ID}&run_id={RUN_ID}"
    routes = [view["url_route"] for view in PagesPlugin.external_views]
    assert len(set(routes)) == len(routes), "Airflow removes a view whose route is used twice"
