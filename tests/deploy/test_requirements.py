"""requirements.txt, requirements.lock and pyproject.toml say the same."""

from __future__ import annotations

from pathlib import Path

from tools.requirements import PIN, locked, names, render

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "requirements.txt").read_text()
LOCK = (ROOT / "requirements.lock").read_text()


def test_requirements__are_what_make_lock_writes() -> None:
    assert render() == TEXT, "run `make lock`"


def test_requirements__are_pins_of_the_lock_and_nothing_for_development() -> None:
    pins = [line for line in TEXT.splitlines() if line and not line.startswith("#")]
    assert pins
    assert all(line in locked(LOCK)[line.partition("==")[0]] for line in pins)
    assert not {line.partition("==")[0] for line in pins} & set(names("dev"))


def test_lock__holds_hashes_and_no_address_of_an_index() -> None:
    blocks = [block for block in LOCK.split("\n") if PIN.match(block)]
    assert len(blocks) > 100
    assert LOCK.count("--hash=sha256:") >= len(blocks)
    assert "://" not in LOCK


def test_locked__keeps_a_version_for_each_python() -> None:
    text = (
        'numpy==2.4.6 ; python_version < "3.12" \\\n    --hash=x\n'
        'numpy==2.5.5 ; python_version >= "3.12" \\\nredis==8.1.0 \\\n'
    )
    assert locked(text) == {
        "numpy": ['numpy==2.4.6 ; python_version < "3.12"', 'numpy==2.5.5 ; python_version >= "3.12"'],
        "redis": ["redis==8.1.0"],
    }
