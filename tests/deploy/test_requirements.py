"""requirements.txt, requirements-image.txt, requirements.lock and pyproject.toml agree."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.requirements import PIN, Entry, entries_of, locked, names, needed, render, render_image, render_s3

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "requirements.txt").read_text()
LOCK = (ROOT / "requirements.lock").read_text()
IMAGE = (ROOT / "requirements-image.txt").read_text()
S3 = (ROOT / "requirements-s3.txt").read_text()


def test_requirements__are_the_output_of_make_lock() -> None:
    assert render() == TEXT, "run `make lock`"


def test_requirements__are_pins_of_the_lock_without_development_tools() -> None:
    pins = [line for line in TEXT.splitlines() if line and not line.startswith("#")]
    assert pins
    assert all(line in locked(LOCK)[line.partition("==")[0]] for line in pins)
    assert not {line.partition("==")[0] for line in pins} & set(names("dev"))


def test_image_requirements__are_the_output_of_make_lock() -> None:
    assert render_image() == IMAGE, "run `make lock`"


def test_image_requirements__contain_all_dependencies_and_no_tool() -> None:
    """The metadata of the installed packages is independent of the comments in the lock."""
    listed = locked(IMAGE)
    for name in names(None) + names("deploy") + names("sandbox"):
        assert name in listed
    for name in listed:
        for needs in _needs(name):
            assert needs in listed, f"{name} needs {needs}"
    assert not set(listed) & {"pytest", "mypy", "ruff", "hypothesis", "import-linter", "pandas-stubs"}


def test_s3_requirements__are_the_output_of_make_lock() -> None:
    assert render_s3() == S3, "run `make lock`"


def test_s3_requirements__are_what_the_image_lacks_for_a_bucket() -> None:
    listed = locked(S3)
    assert {"apache-airflow-providers-amazon", "s3fs", "aiobotocore", "botocore"} <= set(listed)
    assert not set(listed) & (set(locked(IMAGE)) | {"moto", "flask-cors", "responses"})
    for name in listed:
        for needs in _needs(name):
            assert needs in listed or needs in locked(IMAGE), f"{name} needs {needs}"


def test_image_requirements__have_the_locks_versions_markers_and_hashes() -> None:
    entries, locked_entries = ({entry.text for entry in entries_of(text)} for text in (IMAGE + S3, LOCK))
    assert entries < locked_entries
    assert all("--hash=sha256:" in entry for entry in entries)


def _needs(name: str) -> set[str]:
    """The requirements of an installed package, without extras; empty if a marker excludes the package."""
    try:
        requirements = map(Requirement, requires(name) or [])
    except PackageNotFoundError:
        return set()
    return {
        canonicalize_name(one.name)
        for one in requirements
        if one.marker is None or one.marker.evaluate({"extra": ""})
    }


def test_needed__includes_dependencies_at_any_depth() -> None:
    text = (
        "a==1 \\\n    --hash=sha256:0\n    # via vtex-connectif-sync (pyproject.toml)\n"
        "b==1 ; python_version < '3.12' \\\n    --hash=sha256:0\n    # via\n    #   a\n    #   tool\n"
        "c==1 \\\n    --hash=sha256:0\n    # via b\n"
        "tool==1 \\\n    --hash=sha256:0\n    # via vtex-connectif-sync (pyproject.toml:dev)\n"
        "tool-part==1 \\\n    --hash=sha256:0\n    # via tool\n"
    )
    entries = entries_of(text)
    assert "".join(entry.text for entry in entries) == text
    assert needed(entries, {"a"}) == {"a", "b", "c"}


def test_entry__is_read_from_its_lines() -> None:
    text = "b==1.0 ; python_version < '3.12' \\\n    --hash=sha256:0a \\\n    --hash=sha256:0b\n    # via a\n"
    assert Entry.read(text) == Entry(
        "b", "1.0", "python_version < '3.12'", ("0a", "0b"), frozenset({"a"}), text
    )


def test_lock__contains_hashes_and_no_index_url() -> None:
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
