"""Whether what the sync adds to Airflow's api-server can be reached: the receiver and the pages.

A status of 200 alone says nothing: for every path that it does not know Airflow sends its own front page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import requests

from include.doctor.check import Line, error, ok, warning
from include.web_headers import HEADERS

_TIMEOUT_SECONDS = (5.0, 10.0)
_RECEIVER = "newsletter receiver"
_REFUSED = {302, 303, 307, 401, 403}
_POLICY = "Content-Security-Policy"
_OURS = HEADERS[_POLICY]


def receiver(urls: Sequence[str]) -> Line:
    """Asks the receiver's health; `urls` are the api-server's addresses, the outer one first."""
    answer, url = _asked(urls, "/connectif/health")
    if answer is not None and _is_up(answer):
        return ok(_RECEIVER, f"takes callbacks at {url}/connectif/newsletter/…")
    if answer is not None and answer.status_code == 503:
        return error(
            _RECEIVER,
            f"answers at {url}, but takes no callbacks",
            "See the extra webhook_secret of connectif_default, that update_newsletter is there and not "
            "paused, and the api-server's log",
        )
    return _not_as_expected(_RECEIVER, answer, url)


def _is_up(answer: requests.Response) -> bool:
    try:
        said = answer.json()
    except ValueError:
        return False
    return answer.ok and isinstance(said, dict) and said.get("status") == "up"


def page(name: str, path: str, urls: Sequence[str]) -> Line:
    """Asks for the page without a login: whatever refuses us is there, and so is what has our headers."""
    subject = f"page {name} in Airflow's UI"
    answer, url = _asked(urls, path)
    if answer is not None and (answer.status_code in _REFUSED or answer.headers.get(_POLICY) == _OURS):
        return ok(subject, f"is there at {url}{path}")
    return _not_as_expected(subject, answer, url)


def _not_as_expected(subject: str, answer: requests.Response | None, url: str) -> Line:
    if answer is None:
        return warning(
            subject,
            f"not checked, no answer from {url}",
            "See that the api-server runs and that AIRFLOW__API__BASE_URL is its address",
        )
    said = "with Airflow's own page" if answer.ok else answer.status_code
    return error(
        subject,
        f"{url} answers {said} there",
        "See that plugins/ is the api-server's plugins folder, the project on its PYTHONPATH "
        "(Admin > Plugins shows what it has loaded), and that the base URL is Airflow's",
    )


def _asked(urls: Sequence[str], path: str) -> tuple[requests.Response | None, str]:
    """What the first address that answers says; a worker may not reach the outer one."""
    for url in urls:
        try:
            with requests.Session() as session:
                session.trust_env = False
                return session.get(url + path, timeout=_TIMEOUT_SECONDS, allow_redirects=False), url
        except requests.RequestException:
            continue
    return None, urls[0]


def addresses(settings: Mapping[str, str]) -> list[str]:
    """The api-server's addresses by `base_url` and `execution_api_server_url`, whose path is taken off."""
    inner = settings.get("execution_api_server_url", "").rstrip("/").removesuffix("/execution")
    outer = settings.get("base_url", "").rstrip("/")
    return [url for url in dict.fromkeys((outer, inner)) if url.startswith("http")]
