"""Checks that the sync's parts of Airflow's api-server are reachable: the receiver and the pages.

A status of 200 alone proves nothing: Airflow answers every unknown path with its own front page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import requests

from include.doctor.check import Line, error, ok, warning
from include.shops import ConfiguredShop, dag_id_of
from include.web import HEADERS

_TIMEOUT_SECONDS = (5.0, 10.0)
_RECEIVER = "newsletter receiver"
_REFUSED = {302, 303, 307, 401, 403}
_POLICY = "Content-Security-Policy"
_PAGE_POLICY = HEADERS[_POLICY]


def check_receiver(urls: Sequence[str], shop: ConfiguredShop | None = None) -> Line:
    """Read the health of the shop's receiver, by default of the shop without a section.

    `urls` are the api-server's addresses, the external one first.
    """
    section = shop.section if shop else ""
    connection = shop.connectif_connection if shop else "connectif_default"
    base = f"/connectif/{section}" if section else "/connectif"
    answer, url = _get(urls, f"{base}/health")
    if answer is not None and _is_up(answer):
        return ok(_RECEIVER, f"accepts callbacks at {url}{base}/newsletter/…")
    if answer is not None and answer.status_code == 503:
        return error(
            _RECEIVER,
            f"answers at {url}, but accepts no callbacks",
            f"Check Webhook secret of {connection}, that {dag_id_of('update_newsletter', section)} exists "
            "and is not paused, and the api-server's log",
        )
    return _unexpected(_RECEIVER, answer, url)


def _is_up(answer: requests.Response) -> bool:
    try:
        body = answer.json()
    except ValueError:
        return False
    return answer.ok and isinstance(body, dict) and body.get("status") == "up"


def check_page(name: str, path: str, urls: Sequence[str]) -> Line:
    """Request the page without a login. It exists if it refuses the request, or answers with its headers."""
    subject = f"page {name} in Airflow's UI"
    answer, url = _get(urls, path)
    if answer is not None and (answer.status_code in _REFUSED or answer.headers.get(_POLICY) == _PAGE_POLICY):
        return ok(subject, f"exists at {url}{path}")
    return _unexpected(subject, answer, url)


def _unexpected(subject: str, answer: requests.Response | None, url: str) -> Line:
    if answer is None:
        return warning(
            subject,
            f"not checked, no answer from {url}",
            "Check that the api-server runs and that AIRFLOW__API__BASE_URL is its address",
        )
    found = "Airflow's own page" if answer.ok else answer.status_code
    return error(
        subject,
        f"{url} answers with {found}",
        "Check that plugins/ is the api-server's plugins folder, that the project is on its PYTHONPATH "
        "(Admin > Plugins lists the loaded plugins), and that the base URL is Airflow's",
    )


def _get(urls: Sequence[str], path: str) -> tuple[requests.Response | None, str]:
    """The response of the first address that answers; a worker may not reach the external one."""
    for url in urls:
        try:
            with requests.Session() as session:
                session.trust_env = False
                return session.get(url + path, timeout=_TIMEOUT_SECONDS, allow_redirects=False), url
        except requests.RequestException:
            continue
    return None, urls[0]


def api_server_addresses(settings: Mapping[str, str]) -> list[str]:
    """The api-server's addresses, from `base_url` and from `execution_api_server_url` without its path."""
    inner = settings.get("execution_api_server_url", "").rstrip("/").removesuffix("/execution")
    outer = settings.get("base_url", "").rstrip("/")
    return [url for url in dict.fromkeys((outer, inner)) if url.startswith("http")]
