"""Settings: TOML defaults, overridden by the environment, and one clear line for every mistake."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from include.errors import ConfigurationError
from include.order_statuses import ORDER_STATUSES
from include.settings import (
    SETTINGS_FILE,
    Settings,
    changed_settings,
    load_settings,
    misspelt_variables,
    read_settings,
)


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.upper().startswith("SYNC_")]:
        monkeypatch.delenv(name)
    yield
    load_settings.cache_clear()


@pytest.fixture
def edited(tmp_path: Path):
    """The settings file with one text replaced."""

    def edit(old: str, new: str) -> Path:
        text = SETTINGS_FILE.read_text(encoding="utf-8")
        assert old in text
        file = tmp_path / "settings.toml"
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        return file

    return edit


def test_order_statuses__of_vtex_are_accepted(monkeypatch) -> None:
    monkeypatch.setenv("SYNC_PURCHASES__STATUSES", ", ".join(sorted(ORDER_STATUSES)))
    assert set(read().purchases.statuses) == ORDER_STATUSES
    monkeypatch.setenv("SYNC_PURCHASES__STATUSES", "")
    assert read().purchases.statuses == ()


def read() -> Settings:
    return read_settings(SETTINGS_FILE)


def test_settings__defaults_come_from_the_file() -> None:
    settings = read()
    assert settings.schedule.model_dump() == tomllib.loads(SETTINGS_FILE.read_text())["schedule"]
    assert settings.run.staging_path is None
    assert settings.run.reject_limit_percent == 5.0
    assert settings.products.vat_rate is None
    assert settings.purchases.sales_channels == ()
    assert settings.connectif.keep_free_percent == 20


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("SYNC_RUN__OVERLAP_MINUTES", "90", lambda s: s.run.overlap_minutes == 90),
        ("sync_run__overlap_minutes", "90", lambda s: s.run.overlap_minutes == 90),
        ("SYNC_RUN__STAGING_PATH", "s3://c@b/x", lambda s: s.run.staging_path == "s3://c@b/x"),
        ("SYNC_PRODUCTS__VAT_RATE", "0.21", lambda s: s.products.vat_rate == Decimal("0.21")),
        ("SYNC_PURCHASES__SALES_CHANNELS", "1, 2,", lambda s: s.purchases.sales_channels == ("1", "2")),
        ("SYNC_SCHEDULE__TIME_ZONE", "Europe/Madrid", lambda s: s.schedule.time_zone == "Europe/Madrid"),
        (
            "SYNC_CONTACTS__CONSENT_FOR_NEW_CONTACTS",
            "",
            lambda s: s.contacts.consent_for_new_contacts == "vtex",
        ),
    ],
)
def test_settings__the_environment_wins(monkeypatch, variable, value, expected) -> None:
    monkeypatch.setenv(variable, value)
    settings = read()
    assert expected(settings)
    assert settings.run.coverage_days == 7  # the other settings of the section keep their values


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("SYNC_RUN__OVERLAP_MINUTES", "soon", "run.overlap_minutes (or SYNC_RUN__OVERLAP_MINUTES) is 'soon'"),
        ("SYNC_RUN__OVERLAP_MINUTES", "-1", "greater than or equal to 0"),
        ("SYNC_SCHEDULE__TIME_ZONE", "Madrid", "IANA time zone"),
        ("SYNC_SCHEDULE__TIME_ZONE", "../etc/passwd", "IANA time zone"),
        ("SYNC_SCHEDULE__CONTACTS", "daily", "cron expression of five fields"),
        ("SYNC_SCHEDULE__CONTACTS", "61 3 * * *", "cron expression of five fields"),
        ("SYNC_CONTACTS__CONSENT_FOR_NEW_CONTACTS", "yes", "'vtex' or 'none'"),
        ("SYNC_PRODUCTS__VAT_RATE", "21", "less than 1"),
        ("SYNC_RUN__OVERLAP_MINUTES", "1.5", "allowed is a whole number"),
        ("SYNC_RUN__REJECT_LIMIT_PERCENT", "few", "allowed is a number"),
        ("SYNC_NEWSLETTER__SAFETY_NET", "perhaps", "allowed is true or false"),
        ("SYNC_PURCHASES__STATUSES", "invoiced,payment-aproved", "'payment-aproved' is none of them"),
        ("SYNC_PURCHASES__STATUSES", "Ready for handling", "the nearest is ready-for-handling"),
        ("SYNC_PURCHASES__STATUSES", "cancelled", "the nearest is canceled"),
    ],
)
def test_settings__a_wrong_value_is_named_with_the_allowed_values(monkeypatch, variable, value, says) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        read()
    assert says in str(caught.value)
    assert variable in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("SYNC_RUN__OVERLAP", "SYNC_RUN__OVERLAP_MINUTES"),
        ("SYNC_RUN__OVERLAP_MINUTE", "SYNC_RUN__OVERLAP_MINUTES"),
        ("sync_schedule__timezone", "SYNC_SCHEDULE__TIME_ZONE"),
        ("SYNC_VTEX__ORDERS_PER_SECOND", "SYNC_VTEX__ORDER_LIST_PER_SECOND"),
        ("SYNC_RUN__OVERLAP_MINUTES__X", "SYNC_RUN__OVERLAP_MINUTES"),
    ],
)
def test_settings__an_unknown_name_in_a_known_section_is_refused_without_its_value(
    monkeypatch, variable, meant
) -> None:
    monkeypatch.setenv(variable, "hunter2")
    with pytest.raises(ConfigurationError, match=f"{variable}.*{meant}") as caught:
        read()
    assert "hunter2" not in str(caught.value)


def kubernetes_variables(service: str) -> dict[str, str]:
    """What the kubelet puts into each container of the namespace for a service with the ports 80 and 5432
    (kubernetes.io/docs/concepts/services-networking/service, environment variables; read 2026-11-28).
    """
    name, address = service.upper().replace("-", "_"), "10.0.48.109"
    found = {f"{name}_SERVICE_HOST": address, f"{name}_SERVICE_PORT": "80", f"{name}_SERVICE_PORT_HTTP": "80"}
    found[f"{name}_SERVICE_PORT_POSTGRES_TLS"] = "5432"
    found[f"{name}_PORT"] = f"tcp://{address}:80"
    for port in ("80", "5432"):
        found |= {
            f"{name}_PORT_{port}_TCP": f"tcp://{address}:{port}",
            f"{name}_PORT_{port}_TCP_PROTO": "tcp",
            f"{name}_PORT_{port}_TCP_PORT": port,
            f"{name}_PORT_{port}_TCP_ADDR": address,
        }
    return found


SECTIONS = sorted(Settings.model_fields)


@pytest.mark.parametrize("service", ["sync", "sync-store", *(f"sync-{section}" for section in SECTIONS)])
def test_settings__kubernetes_variables_of_a_service_are_no_settings(monkeypatch, service) -> None:
    before = read()
    for name, value in kubernetes_variables(service).items():
        monkeypatch.setenv(name, value)
    assert read() == before
    assert misspelt_variables() == {}


@given(st.from_regex(r"[a-z]([a-z0-9]|-(?!-)){0,20}[a-z0-9]", fullmatch=True))
def test_settings__no_service_with_our_prefix_stops_them(suffix: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in kubernetes_variables(f"sync-{suffix}").items():
            patch.setenv(name, value)
        assert read().run.coverage_days == 7


@pytest.mark.parametrize(
    "variable", ["SYNC", "SYNC_", "SYNC_RUN", "SYNC_VTEX", "SYNC_GATEWAY_URL", "SYNCED__X"]
)
def test_settings__other_names_are_ignored(monkeypatch, variable) -> None:
    monkeypatch.setenv(variable, "tcp://10.0.0.1:80")
    assert read().run.coverage_days == 7
    assert misspelt_variables() == {}


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("SYNC_RUN_OVERLAP_MINUTES", "SYNC_RUN__OVERLAP_MINUTES"),
        ("SYNC_SCHEDULE_TIME_ZONE", "SYNC_SCHEDULE__TIME_ZONE"),
        ("SYNC_SHEDULE__TIME_ZONE", "SYNC_SCHEDULE__TIME_ZONE"),
        ("SYNC_STAGING__PATH", "SYNC_RUN__STAGING_PATH"),
    ],
)
def test_misspelt_variables__are_named_with_the_nearest_setting(monkeypatch, variable, meant) -> None:
    monkeypatch.setenv(variable, "90")
    assert read().run.overlap_minutes == 60
    assert misspelt_variables() == {variable: meant}


def test_changed_settings__are_those_that_the_environment_changes(monkeypatch) -> None:
    assert changed_settings() == {}
    monkeypatch.setenv("SYNC_SCHEDULE__TIME_ZONE", "Europe/Madrid")
    monkeypatch.setenv("SYNC_RUN__OVERLAP_MINUTES", "60")  # as in the file
    monkeypatch.setenv("SYNC_RUN__STAGING_PATH", "s3://key:hunter2@bucket/sync?token=hunter2")
    monkeypatch.setenv("SYNC_PURCHASES__SALES_CHANNELS", "1,2")
    monkeypatch.setenv("SYNC_CONTACTS__EXTRA_FIELDS", "gender=gender:radio")
    notifiers = (
        '[{"notifier": "tests.notifier.Notifier", "arguments": {"url": "https://hooks.example/hunter2"}}]'
    )
    monkeypatch.setenv("SYNC_ALERTS__LATE", notifiers)
    assert changed_settings() == {
        "schedule.time_zone": "Europe/Madrid",
        "run.staging_path": "s3://***@bucket/sync?***",
        "purchases.sales_channels": "1, 2",
        "contacts.extra_fields": "gender=gender:radio",
        "alerts.late": "tests.notifier.Notifier",
    }


def test_settings__ignore_variables_of_the_test_suite(monkeypatch) -> None:
    monkeypatch.setenv("SYNC_TEST_POSTGRES_URL", "postgresql://example.com/x")
    assert read()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("overlap_minutes = 60", "overlap_minuets = 60", "run.overlap_minuets is not a setting"),
        ("overlap_minutes = 60", "", "run.overlap_minutes is missing"),
        ("[contacts]", "[contact]", "contact is not a setting"),
        ("overlap_minutes = 60", "overlap_minutes = [", "not valid TOML"),
        ('consent_for_new_contacts = "vtex"', "consent_for_new_contacts = 1", "'vtex' or 'none'"),
    ],
)
def test_settings_file__a_mistake_is_named(edited, old, new, says) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(edited(old, new))
    assert says in str(caught.value)


def test_settings_file__missing_is_a_configuration_error(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_settings(tmp_path / "settings.toml")


def test_settings__are_frozen_and_read_once() -> None:
    load_settings.cache_clear()
    settings = load_settings()
    assert load_settings() is settings
    with pytest.raises(ValidationError, match="frozen"):
        settings.run.overlap_minutes = 1  # type: ignore[misc]


def test_settings__have_no_slow_imports() -> None:
    code = (
        "import sys, include.settings as s; s.load_settings()\n"
        "print([m for m in ('airflow', 'pandas', 'sqlalchemy', 'requests', 'pendulum') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        env={"PYTHONPATH": str(root)},
    )
    assert run.stdout.strip() == "[]"


def test_extra_contact_fields__as_a_table_and_as_a_variable(edited, monkeypatch: pytest.MonkeyPatch) -> None:
    table = '[{ source = "gender", target = "gender", kind = "radio" }]'
    from_file = read_settings(edited("\nextra_fields = []", f"\nextra_fields = {table}"))
    monkeypatch.setenv("SYNC_CONTACTS__EXTRA_FIELDS", "gender=gender:radio")
    assert read().contacts.extra_fields == from_file.contacts.extra_fields
    assert from_file.contacts.extra_fields[0].kind == "radio"


@pytest.mark.parametrize("value", ["gender", "gender=x:colour", "=x:text", "a=b:text,c"])
def test_extra_contact_fields__refuse_an_invalid_field(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_CONTACTS__EXTRA_FIELDS", value)
    with pytest.raises(ConfigurationError, match="extra_fields"):
        read()
