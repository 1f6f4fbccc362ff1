"""Writes build/sbom.cdx.json: the bill of materials of the image's Python packages (`make sbom`).

CycloneDX 1.6, from `requirements-image.txt`: name, version, package URL, the SHA-256 of each file that pip
may install, who needs whom, and the licence that the installed package states. The same lock gives the same
bytes: it holds no time, and its serial number follows from its content.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License, LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tools.licences import NOT_INSTALLED, UNKNOWN, licence
from tools.requirements import ROOT, SECTIONS, Entry, image_entries, names

FILE = ROOT / "build" / "sbom.cdx.json"
_LICENCES = LicenseFactory()


def main() -> None:
    """Write the file."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(render())
    print(f"Wrote {FILE.relative_to(ROOT)}: {len(image_entries())} packages.")


def render() -> str:
    """The text of the file."""
    document = json.loads(JsonV1Dot6(bill(image_entries())).output_as_string())
    # the library makes both anew each time
    del document["serialNumber"], document["metadata"]["timestamp"]
    serial = uuid5(NAMESPACE_URL, json.dumps(document, sort_keys=True)).urn
    return json.dumps({**document, "serialNumber": serial}, indent=2, sort_keys=True) + "\n"


def bill(entries: Sequence[Entry]) -> Bom:
    """The project, one component for each pin, and who needs whom."""
    components = {entry.name: component(entry) for entry in entries}
    bom = Bom(components=components.values())
    bom.metadata.component = _project()
    direct = {name for group in SECTIONS.values() for name in names(group)}
    bom.register_dependency(bom.metadata.component, [components[name] for name in direct])
    for name, one in components.items():
        needed = [components[entry.name] for entry in entries if name in entry.parents]
        bom.register_dependency(one, needed)
    return bom


def component(entry: Entry) -> Component:
    """A pin as CycloneDX's component. pip takes one of the files that the hashes belong to, so the hashes are
    those of a distribution and not of the component itself."""
    purl = PackageURL("pypi", name=entry.name, version=entry.version)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(purl.to_string()),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in entry.hashes],
    )
    return Component(
        type=ComponentType.LIBRARY,
        name=entry.name,
        version=entry.version,
        purl=purl,
        bom_ref=purl.to_string(),
        licenses=_licences(licence(entry.name)),
        external_references=[files],
    )


def _licences(stated: str) -> list[License]:
    """As SPDX where the statement is SPDX, else as a name; nothing where the package states nothing."""
    if stated in {UNKNOWN, NOT_INSTALLED}:
        return []
    return [_LICENCES.make_from_string(stated, license_acknowledgement=LicenseAcknowledgement.DECLARED)]


def _project() -> Component:
    about = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    name, version = about["name"], about["version"]
    return Component(type=ComponentType.APPLICATION, name=name, version=version, bom_ref=f"{name}@{version}")


if __name__ == "__main__":
    main()
