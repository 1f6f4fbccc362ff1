"""Whether what the sync adds to Airflow's api-server can be reached: the receiver and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import requests

from include.doctor.lines import Line, error, ok, warning

_TIMEOUT_SECONDS = (5.0, 10.0)
_RECEIVER = "newsletter receiver"


def receiver(urls: Sequence[str]) -> Line:
    """Asks the receiver's health; `urls` are the api-server's addresses, the outer one first."""
    status, url = _status(urls, "/connectif/health")
    if status == 200:
        return ok(_RECEIVER, f"takes callbacks at {url}/connectif/newsletter/…")
    if status == 503:
        return error(
            _RECEIVER,
            f"answers at {url}, but takes no callbacks",
            "See the extra webhook_secret of connectif_default, that update_newsletter is there and not "
            "paused, and the api-server's log",
        )
    return _not_as_expected(_RECEIVER, status, url)


def page(name: str, path: str, urls: Sequence[str]) -> Line:
    """Asks for the page without a login: whatever refuses us is there."""
    subject = f"page {name} in Airflow's UI"
    status, url = _status(urls, path)
    if status in {200, 302, 303, 307, 401, 403}:
        return ok(subject, f"is there at {url}{path}")
    return _not_as_expected(subject, status, url)


def _not_as_expected(subject: str, status: int | None, url: str) -> Line:
    if status is None:
        return warning(
            subject,
            f"not checked, no answer from {url}",
            "See that the api-server runs and that AIRFLOW__API__BASE_URL is its address",
        )
    return error(
        subject,
        f"{url} answers {status} there",
        "See that plugins/ is the api-server's plugins folder, the project on its PYTHONPATH "
        "(Admin > Plugins shows what it has loaded), and that the base URL is Airflow's",
    )


def _status(urls: Sequence[str], path: str) -> tuple[int | None, str]:
    """The status of the first address that answers; a worker may not reach the outer one."""
    for url in urls:
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.get(url + path, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
        except requests.RequestException:
            continue
        return answer.status_code, url
    return None, urls[0]


def addresses(settings: Mapping[str, str]) -> list[str]:
    """The api-server's addresses by `base_url` and `execution_api_server_url`, whose path is taken off."""
    inner = settings.get("execution_api_server_url", "").rstrip("/").removesuffix("/execution")
    outer = settings.get("base_url", "").rstrip("/")
    return [url for url in dict.fromkeys((outer, inner)) if url.startswith("http")]
