"""Shops of the settings: names, connections, settings that differ, and mistakes that stop one shop alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include import shops
from include.errors import ConfigurationError
from include.settings import SETTINGS_FILE, load_settings, misspelt_variables, read_settings
from include.shops import (
    DEFAULT,
    ConfiguredShop,
    Sections,
    base_of,
    dag_id_of,
    load_shops,
    read_sections,
    section_of,
)


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.upper().startswith("SYNC_")]:
        monkeypatch.delenv(name)
    shops._load_sections.cache_clear()
    load_settings.cache_clear()
    yield
    shops._load_sections.cache_clear()
    load_settings.cache_clear()


@pytest.fixture
def sections(tmp_path: Path):
    """The sections of the settings file with a text at its end."""

    def read(text: str) -> Sections:
        file = tmp_path / "settings.toml"
        file.write_text(SETTINGS_FILE.read_text(encoding="utf-8") + text, encoding="utf-8")
        read_settings(file)  # the common settings stay valid
        return read_sections(file)

    return read


def only(found: Sections) -> ConfiguredShop:
    assert found.problems == {}
    (shop,) = found.shops
    return shop


def test_shops__without_a_section_there_is_one_with_the_known_connections() -> None:
    found = load_shops()
    (shop,) = found
    assert (shop.section, shop.key, shop.tags) == ("", DEFAULT, [])
    assert (shop.vtex_connection, shop.connectif_connection) == ("vtex_default", "connectif_default")
    assert shop.settings is load_settings()
    assert shop.dag_id("sync_contacts") == "sync_contacts"
    assert not found.are_several


def test_shops__a_section_adds_one_with_its_own_settings(sections) -> None:
    shop = only(sections('\n[shops.es]\n[shops.es.schedule]\ntime_zone = "Europe/Madrid"\n'))
    assert (shop.section, shop.key, shop.tags) == ("es", "es", ["shop:es"])
    assert (shop.vtex_connection, shop.connectif_connection) == ("vtex_es", "connectif_es")
    assert shop.settings.schedule.time_zone == "Europe/Madrid"
    assert shop.settings.schedule.contacts == load_settings().schedule.contacts
    assert shop.settings.run == load_settings().run


def test_shops__the_environment_wins_over_the_file_and_the_shop_over_the_common_settings(
    sections, monkeypatch
) -> None:
    monkeypatch.setenv("SYNC_RUN__OVERLAP_MINUTES", "70")
    monkeypatch.setenv("SYNC_RUN__COVERAGE_DAYS", "9")
    monkeypatch.setenv("sync_shops__es__run__overlap_minutes", "90")
    monkeypatch.setenv("SYNC_SHOPS__ES__CONNECTIF_CONNECTION", "connectif-spain")
    shop = only(
        sections('\n[shops.es]\nvtex_connection = "v"\nrun = {overlap_minutes = 80, coverage_days = 3}\n')
    )
    assert (shop.vtex_connection, shop.connectif_connection) == ("v", "connectif-spain")
    assert (shop.settings.run.overlap_minutes, shop.settings.run.coverage_days) == (90, 3)


@pytest.mark.parametrize(
    ("common", "own", "live"),
    [("true", "", False), ("true", "true", True), ("false", "true", True), ("sandbox", "", "sandbox")],
)
def test_shops__are_not_live_because_another_one_is(monkeypatch, common: str, own: str, live: object) -> None:
    monkeypatch.setenv("SYNC_RUN__LIVE", common)
    monkeypatch.setenv("SYNC_SHOPS__ES__RUN__LIVE", own)
    monkeypatch.setenv("SYNC_SHOPS__ES__VTEX_CONNECTION", "vtex_es")
    assert load_shops().get("es").settings.run.live == live


def test_shops__an_environment_variable_alone_adds_one(monkeypatch) -> None:
    monkeypatch.setenv("SYNC_SHOPS__ES__VTEX_CONNECTION", "vtex_spain")
    monkeypatch.setenv("SYNC_SHOPS__NORTH_ES__RUN__LIVE", "true")
    monkeypatch.setenv("SYNC_SHOPS__EMPTY__RUN__LIVE", "")
    assert [shop.key for shop in load_shops()] == [DEFAULT, "es", "north_es"]
    assert load_shops().get("north_es").settings.run.live is True
    assert load_shops().get("es").settings.run.live is False
    assert load_shops().are_several
    assert misspelt_variables() == {}


def test_shops__the_one_without_a_section_can_be_left_out(monkeypatch) -> None:
    monkeypatch.setenv("SYNC_SHOPS__ES__RUN__LIVE", "true")
    monkeypatch.setenv("SYNC_SHOPS__DEFAULT_SHOP", "false")
    found = load_shops()
    assert [shop.key for shop in found] == ["es"]
    with pytest.raises(ConfigurationError, match=r"no shop 'default'; known are es"):
        found.of_dag("sync_contacts")


@pytest.mark.parametrize(
    ("value", "says"), [("false", "there is no shop"), ("perhaps", "allowed is true or false")]
)
def test_shops__there_must_be_one(monkeypatch, value: str, says: str) -> None:
    monkeypatch.setenv("SYNC_SHOPS__DEFAULT_SHOP", value)
    with pytest.raises(ConfigurationError, match=says):
        load_shops()


@pytest.mark.parametrize(
    "name", ["ES", "e-s", "é", "es__mx", "_es", "es_", "a" * 41, "default", "newsletter", "health", "shop"]
)
def test_shops__a_wrong_name_is_refused(sections, name: str) -> None:
    found = sections(f'\n[shops."{name}"]\nvtex_connection = "v"\n\n[shops.mx]\n')
    assert [shop.section for shop in found.shops] == ["mx"]
    assert "is not allowed as the name of a shop" in str(found.problems[name])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[shops.es.run]\nlife = true", "shops.es.run.life (or SYNC_SHOPS__ES__RUN__LIFE) is not a setting"),
        ("[shops.es.runs]\nlive = true", "shops.es.runs (or SYNC_SHOPS__ES__RUNS) is not a setting"),
        ("[shops.es]\nrun = 3", "shops.es.run (or SYNC_SHOPS__ES__RUN) is not a setting"),
        ("[shops.es.run]\nlive = 'perhaps'", "shops.es.run.live (or SYNC_SHOPS__ES__RUN__LIVE) is 'perhaps'"),
        ("[shops.es.schedule]\ntime_zone = 'Madrid'", "IANA time zone"),
        (
            "[shops.es]\nvtex_connection = 'a b'",
            "shops.es.vtex_connection (or SYNC_SHOPS__ES__VTEX_CONNECTION)",
        ),
        ("[shops.es]\nvtex_connection = 3", "is not the id of an Airflow connection"),
        ("es = 3", "shops.es must be a table"),
        (
            "[shops.es]\nvtex_connection = 'vtex_default'",
            "uses the connection vtex_default of the shop default",
        ),
        ("[shops.es]\nconnectif_connection = 'connectif_ar'\n[shops.ar]", "of the shop ar: give it"),
    ],
)
def test_shops__a_mistake_stops_one_alone(sections, text: str, says: str) -> None:
    found = sections(f"\n{text}\n[shops.mx]\n")
    assert [shop.section for shop in found.shops if shop.section != "ar"] == ["mx"]
    assert says in str(found.problems["es"])
    assert "\n" not in str(found.problems["es"])


@pytest.mark.parametrize(
    "variable",
    ["SYNC_SHOPS__ES__RUN__LIFE", "SYNC_SHOPS__ES__LIVE", "SYNC_SHOPS__ES", "SYNC_SHOPS__ES__RUN__LIVE__NOW"],
)
def test_shops__an_unknown_variable_stops_one_alone_without_its_value(monkeypatch, variable: str) -> None:
    monkeypatch.setenv(variable, "hunter2")
    monkeypatch.setenv("SYNC_SHOPS__MX__RUN__LIVE", "true")
    found = load_shops()
    assert [shop.key for shop in found] == [DEFAULT, "mx"]
    assert "shops.es" in str(found.problems["es"])
    with pytest.raises(ConfigurationError, match=r"shops\.es"):
        found.of_dag("sync_contacts__es")


def test_shops__a_wrong_common_setting_stops_all(monkeypatch) -> None:
    monkeypatch.setenv("SYNC_SHOPS__ES__RUN__LIVE", "true")
    monkeypatch.setenv("SYNC_RUN__OVERLAP_MINUTES", "soon")
    with pytest.raises(ConfigurationError, match=r"run\.overlap_minutes"):
        load_shops()


def test_shops__the_arguments_of_a_notifier_are_not_shown(sections) -> None:
    found = sections('\n[shops.es.alerts]\nlate = [{notifier = "x", arguments = {url = "hunter2"}}]\n')
    assert "shops.es.alerts.late" in str(found.problems["es"])
    assert "hunter2" not in str(found.problems["es"])


NAMES = st.from_regex(r"[a-z0-9]{1,5}(_[a-z0-9]{1,5}){0,2}", fullmatch=True)


@given(NAMES, st.sampled_from(["sync_contacts", "update_newsletter", "reconcile"]))
def test_dag_id__names_the_dag_and_the_shop(name: str, dag: str) -> None:
    assert (base_of(dag_id_of(dag, name)), section_of(dag_id_of(dag, name))) == (dag, name)
    assert (base_of(dag), section_of(dag)) == (dag, "")


def test_shops__are_found_by_a_connection(monkeypatch) -> None:
    monkeypatch.setenv("SYNC_SHOPS__ES__CONNECTIF_CONNECTION", "spain")
    found = load_shops()
    users = [found.of_connection(one) for one in ("spain", "vtex_es", "x")]
    assert [user and user.key for user in users] == [
        "es", "es", None,
    ]  # fmt: skip
