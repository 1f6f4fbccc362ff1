"""The bill of materials is valid CycloneDX and matches the lock."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from tools import sbom
from tools.requirements import ROOT, Entry, image_entries, locked, names
from tools.sbom import component, render

IMAGE = (ROOT / "requirements-image.txt").read_text()
TEXT = render()
BILL: dict[str, Any] = json.loads(TEXT)
COMPONENTS: dict[str, dict[str, Any]] = {one["name"]: one for one in BILL["components"]}
PROJECT = BILL["metadata"]["component"]["bom-ref"]
NEEDS = {one["ref"]: one.get("dependsOn", []) for one in BILL["dependencies"]}


def test_sbom__is_valid_by_cyclonedx_own_schema() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(TEXT) is None
    broken = json.dumps({**BILL, "bomFormat": "a list"})
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None


def test_sbom__is_the_same_each_time_and_has_no_timestamp() -> None:
    assert render() == TEXT
    assert "timestamp" not in BILL["metadata"]


def test_sbom__serial_number_depends_on_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = [entry for entry in image_entries() if entry.name != "zipp"]
    monkeypatch.setattr(sbom, "image_entries", lambda: fewer)
    assert json.loads(render())["serialNumber"] != BILL["serialNumber"]


def test_sbom__has_the_locks_versions_and_hashes_and_nothing_else() -> None:
    """Compare with the text of the lock, read independently."""
    listed = locked(IMAGE)
    for name, one in COMPONENTS.items():
        pins = [line.partition(" ; ")[0] for line in listed[name]]
        assert f"{name}=={one['version']}" in pins
        assert PackageURL.from_string(one["purl"]) == PackageURL("pypi", None, name, one["version"])
        assert _hashes(one) == _hashes_in_text(name, one["version"])
    assert len(COMPONENTS) == len(BILL["components"])


def test_sbom__leaves_out_packages_that_markers_exclude() -> None:
    assert set(locked(IMAGE)) - set(COMPONENTS) == {"async-timeout", "pyyaml-ft"}
    assert COMPONENTS["numpy"]["version"] == "2.4.6"


def test_sbom__has_the_direct_dependencies_and_reaches_every_package() -> None:
    direct = {COMPONENTS[name]["bom-ref"] for group in (None, "deploy", "sandbox") for name in names(group)}
    assert set(NEEDS[PROJECT]) == direct
    reached, more = {PROJECT}, [PROJECT]
    while more:
        more = [ref for ref in NEEDS[more.pop()] if ref not in reached] + more
        reached |= set(more)
    assert reached == {PROJECT, *(one["bom-ref"] for one in COMPONENTS.values())}


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="licences are read from the installed packages")
def test_sbom__has_the_licence_that_each_package_states() -> None:
    assert all(one["licenses"] for one in COMPONENTS.values())
    assert COMPONENTS["celery"]["licenses"] == [
        {"license": {"id": "BSD-3-Clause", "acknowledgement": "declared"}}
    ]
    assert COMPONENTS["orjson"]["licenses"] == [
        {"expression": "MPL-2.0 AND (Apache-2.0 OR MIT)", "acknowledgement": "declared"}
    ]


def test_component__without_the_installed_package_has_no_licence() -> None:
    pin = Entry("no-such-package", "1", "", ("0" * 64,), frozenset(), "")
    assert not component(pin).licenses


def _hashes(one: dict[str, Any]) -> set[str]:
    (files,) = one["externalReferences"]
    assert files["type"] == "distribution"
    assert {entry["alg"] for entry in files["hashes"]} == {"SHA-256"}
    return {entry["content"] for entry in files["hashes"]}


def _hashes_in_text(name: str, version: str) -> set[str]:
    after = IMAGE.partition(f"\n{name}=={version} ")[2].splitlines()[1:]
    hashes: set[str] = set()
    for line in after:
        word, _, value = line.strip().removesuffix("\\").strip().partition("--hash=sha256:")
        if word or not value:
            return hashes
        hashes.add(value)
    return hashes
