"""`make audit`: looks up the locked packages in OSV, the open database of known vulnerabilities.

Exit status: 0 none known, 1 some known, 3 the database did not answer. It sends only names and versions of
public packages. One call holds up to 1,000 packages, and the answer keeps their order
(https://google.github.io/osv.dev/post-v1-querybatch/, read 2026-11-28). `OSV_URL` names a mirror.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import requests

from tools.requirements import ROOT, locked

OSV = "https://api.osv.dev"
FOUND, UNREACHABLE = 1, 3
TIMEOUT_SECONDS = 30


def main() -> int:
    """Print one line for each vulnerable package, then the sum. Returns the exit status."""
    pins = packages((ROOT / "requirements.lock").read_text())
    url = os.environ.get("OSV_URL") or OSV
    try:
        known = vulnerabilities(url, pins)
    except (requests.RequestException, ValueError) as error:
        print(
            f"Not audited: {url} did not answer as documented ({type(error).__name__}). Run it "
            "where that address is reachable, or set OSV_URL.",
            file=sys.stderr,
        )
        return UNREACHABLE
    for name, version in sorted(known):
        print(f"{name} {version}: {', '.join(known[name, version])}")
    print(f"{len(pins)} locked packages, {len(known)} with known vulnerabilities.")
    return FOUND if known else 0


def packages(lock: str) -> list[tuple[str, str]]:
    """Name and version of each pin, for all Python versions."""
    pins = (pin.partition(" ; ")[0] for lines in locked(lock).values() for pin in lines)
    return [(name, version) for name, _, version in (pin.partition("==") for pin in pins)]


def vulnerabilities(url: str, pins: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    """The ids known for each vulnerable pin. Raises RequestException or ValueError for an incomplete
    answer.
    """
    found: dict[tuple[str, str], list[str]] = {}
    queries = [_query(*pin) for pin in pins]
    waiting = list(zip(pins, queries, strict=True))
    while waiting:
        further = []
        for (pin, query), result in zip(waiting, _query_batch(url, [one for _, one in waiting]), strict=True):
            if ids := _ids(result):
                found.setdefault(pin, []).extend(ids)
            if token := result.get("next_page_token"):
                further.append((pin, query | {"page_token": token}))
        waiting = further
    return found


def _ids(result: dict[str, Any]) -> list[str]:
    try:
        return [str(vulnerability["id"]) for vulnerability in result.get("vulns", [])]
    except (TypeError, KeyError) as error:
        raise ValueError("vulnerabilities without ids") from error


def _query(name: str, version: str) -> dict[str, Any]:
    return {"package": {"ecosystem": "PyPI", "name": name}, "version": version}


def _query_batch(url: str, queries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answer = requests.post(f"{url}/v1/querybatch", json={"queries": queries}, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    results = answer.json().get("results") if isinstance(answer.json(), dict) else None
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise ValueError("no results")
    return results


if __name__ == "__main__":
    sys.exit(main())
