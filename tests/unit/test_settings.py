"""Settings: TOML defaults, environment on top, and one clear line for every mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from include.errors import ConfigurationError
from include.settings import SETTINGS_FILE, Settings, load_settings, read_settings


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("SYNC_")]:
        monkeypatch.delenv(name)


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


def read() -> Settings:
    return read_settings(SETTINGS_FILE)


def test_settings__defaults_come_from_the_file() -> None:
    settings = read()
    assert settings.schedule.time_zone == "America/Sao_Paulo"
    assert (settings.schedule.products, settings.schedule.contacts) == ("0 2 * * *", "0 3 * * *")
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
    assert settings.run.coverage_days == 7  # the rest of the section stays


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
    ],
)
def test_settings__a_wrong_value_is_named_with_what_is_allowed(monkeypatch, variable, value, says) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        read()
    assert says in str(caught.value)
    assert variable in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("variable", ["SYNC_RUN__OVERLAP", "SYNC_OVERLAP_MINUTES", "SYNC_RUN", "SYNC_X__Y"])
def test_settings__an_unknown_variable_is_refused_without_its_value(monkeypatch, variable) -> None:
    monkeypatch.setenv(variable, "hunter2")
    with pytest.raises(ConfigurationError, match=variable) as caught:
        read()
    assert "hunter2" not in str(caught.value)


def test_settings__variables_of_the_test_suite_are_no_settings(monkeypatch) -> None:
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


def test_settings__import_nothing_heavy() -> None:
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
def test_extra_contact_fields__refuse_what_is_no_field(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_CONTACTS__EXTRA_FIELDS", value)
    with pytest.raises(ConfigurationError, match="extra_fields"):
        read()
