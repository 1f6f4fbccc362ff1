"""The DAGs on a real scheduler, triggered over REST, against the sandbox, as an operator uses them."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import requests

from include.outcomes import Cause, PipelineName, Reason
from include.pipelines import CALLBACK_RUN
from tests.integration import canary
from tests.integration.canary import CANARIES, find_places
from tests.integration.installation import SECONDS, Installation, require_browser, running_installation
from tools.airflow_forms import click, open_as_user
from tools.airflow_rest import RestError
from tools.browser import Tab, Viewport, open_tab
from tools.first_commands import FirstCommands, Try
from tools.sandbox_shop import CONNECTIF_SECRET, VTEX_TOKEN, WEBHOOK_SECRET, register_callbacks


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running_installation(tmp_path_factory.mktemp("airflow")) as installation:
        yield installation


@pytest.mark.parametrize("dag_id", ["sync_contacts", "sync_products", "sync_purchases"])
def test_daily_sync__second_run_for_the_same_time_changes_nothing(
    installation: Installation, dag_id: str
) -> None:
    conf = installation.last_day() if dag_id == "sync_purchases" else {"mode": "full"}
    before = installation.target()
    first = installation.run(dag_id, f"{dag_id}-first", conf)
    after_first = installation.target()
    second = installation.run(dag_id, f"{dag_id}-second", conf)
    assert first.counts.read > 0
    assert (first.missing, second.missing) == (0, 0)
    assert second.counts.read == first.counts.read
    assert after_first != before
    assert installation.target() == after_first
    events = installation.stack.rest.get("assets/events", source_dag_id=dag_id)["asset_events"]
    assert [e["extra"]["counts"]["read"] for e in events if e["source_run_id"] == f"{dag_id}-first"] == [
        first.counts.read
    ]


def test_scheduler__imports_the_modules_of_newsletter_runs_before_it_forks_its_workers(
    installation: Installation,
) -> None:
    log = installation.stack.log("scheduler").read_text()
    assert 0 <= log.find("imported ahead for newsletter runs") < log.find("Worker starting up")


def test_backfill__of_purchases_triggers_no_workflow(installation: Installation) -> None:
    rest, fired = installation.stack.rest, installation.shop.state()["fired_workflows"]
    day = (installation.sandbox.last_day - timedelta(days=1)).isoformat()
    rest.backfill("sync_purchases", f"{day}T00:00:00Z", f"{day}T23:59:59Z")
    deadline = time.monotonic() + SECONDS
    while not (runs := rest.runs("sync_purchases", run_type="backfill")) and time.monotonic() < deadline:
        time.sleep(0.5)
    (run,) = runs
    state = rest.wait("sync_purchases", run["dag_run_id"], stall_seconds=SECONDS)["state"]
    assert state == "success", "\n".join(installation.last_log("sync_purchases", run["dag_run_id"]))
    assert installation.shop.state()["fired_workflows"] == fired


def test_reconcile__names_and_repairs_removed_purchases(installation: Installation) -> None:
    installation.run("sync_purchases", "before-reconcile", installation.last_day())
    conf = {name: value for name, value in installation.last_day().items() if name != "mode"}
    removed = {group for group in installation.shop.order_groups(conf) if installation.shop.purchase(group)}
    for purchase_id in removed:
        url = f"{installation.sandbox.connectif}/_sandbox/purchases/{purchase_id}"
        requests.delete(url, timeout=10).raise_for_status()
    report = installation.run("reconcile", "reconcile-repair", {"repair": True, **conf})
    found = report.compared[PipelineName.PURCHASES]
    gone = set(found.examples.get(Cause.GONE, []))
    canceled = set(found.examples.get(Cause.CANCELED, []))
    assert set(report.compared) == {PipelineName.CONTACTS, PipelineName.PRODUCTS, PipelineName.PURCHASES}
    assert gone
    assert removed <= gone | canceled, "a purchase of the web tracking may be canceled now"
    assert found.repaired == report.counts.written == len(gone)
    assert all(installation.shop.purchase(purchase_id) for purchase_id in gone)


def test_newsletter__reaches_vtex_and_a_repeat_changes_nothing(installation: Installation) -> None:
    person = installation.shop.subscriber()
    event = {"email": person["email"], "subscribed": False, "occurred_at": datetime.now(UTC).isoformat()}
    first = installation.run("update_newsletter", "newsletter-first", {"events": [event]})
    assert installation.shop.wait_for_opt_in(person["id"], wanted=False) is False
    second = installation.run("update_newsletter", "newsletter-second", {"events": [event]})
    assert installation.shop.opt_in(person["id"]) is False
    assert (first.counts.written, second.counts.written) == (1, 0)


# --- the two ways in of the newsletter


def test_trigger__with_an_invalid_payload_names_the_reason_and_creates_no_run(
    installation: Installation,
) -> None:
    rest = installation.stack.rest
    good = {"email": "entry@example.com", "subscribed": False, "occurred_at": "2026-11-23T10:00:00Z"}
    bad: list[tuple[Any, str]] = [
        ({"events": []}, "events must be a list of 1 to 500 objects"),
        ({"events": [good] * 501}, "events must be a list of 1 to 500 objects"),
        ({"events": [{"email": "entry@example.com", "subscribed": False}]}, "occurred_at"),
        (
            {"events": [good | {"occurred_at": "yesterday"}]},
            r"events\[0\].occurred_at must be a date and time with offset",
        ),
        ({"events": [good | {"email": "entry"}]}, r"events\[0\].email must be a complete e-mail address"),
        ({"events": [good | {"subscribed": "no"}]}, r"events\[0\].subscribed must be true or false"),
        ({"events": [good | {"source": "x"}]}, r"events\[0\] has an unknown field"),
        ("events", "dictionary|object"),
    ]
    before = len(rest.runs("update_newsletter"))
    for conf, reason in bad:
        with pytest.raises(RestError, match=f"(?s): 4(00|22): .*({reason})"):
            rest.post("dags/update_newsletter/dagRuns", {"logical_date": None, "conf": conf})
    url = f"{installation.stack.url}/api/v2/dags/update_newsletter/dagRuns"
    body = {"logical_date": None, "conf": {"events": [good]}}
    assert requests.post(url, json=body, timeout=10).status_code == 401
    assert len(rest.runs("update_newsletter")) == before


@pytest.mark.parametrize("form", ["GET query", "POST form", "POST JSON"])
def test_callback__reaches_vtex_soon_and_does_not_appear_in_the_logs(
    installation: Installation, form: str
) -> None:
    person = installation.shop.subscriber()
    fields = {"email": person["email"], "ip": "203.0.113.7"}
    sent: dict[str, Any] = {
        "GET query": {"params": fields},
        "POST form": {"data": fields},
        "POST JSON": {"json": {"contact": fields}},
    }[form]
    url = f"{installation.stack.url}/connectif/newsletter/{WEBHOOK_SECRET}/unsubscribe"
    method = form.partition(" ")[0]
    answer = requests.request(method, url, **sent, timeout=30, allow_redirects=False)
    assert answer.status_code == 202
    assert installation.shop.wait_for_opt_in(person["id"], wanted=False, within_seconds=SECONDS) is False
    health = requests.get(f"{installation.stack.url}/connectif/health", timeout=10)
    assert (health.status_code, health.json()["status"]) == (200, "up")
    log = installation.stack.log("api-server").read_text(errors="replace")
    assert "/connectif/newsletter/***" in log
    assert WEBHOOK_SECRET not in log
    assert person["email"] not in log


def test_callbacks__of_a_steady_flow_make_few_runs_without_addresses(installation: Installation) -> None:
    """A customer changes their mind sixty times; the last change stays."""
    person = installation.shop.subscriber()
    before = {run["dag_run_id"] for run in _callback_runs(installation)}
    for kind in ["subscribe", "unsubscribe"] * 30:
        url = f"{installation.stack.url}/connectif/newsletter/{WEBHOOK_SECRET}/{kind}"
        assert requests.get(url, params={"email": person["email"]}, timeout=30).status_code == 202
        time.sleep(0.05)
    _wait_until_idle(installation)
    assert installation.shop.opt_in(person["id"]) is False
    runs = _callback_runs(installation)
    assert sum(run["dag_run_id"] not in before for run in runs) < 12
    assert {json.dumps(run["conf"]) for run in runs} == {"{}"}


def _wait_until_idle(installation: Installation) -> None:
    deadline = time.monotonic() + SECONDS
    while any(run["state"] in {"queued", "running"} for run in _callback_runs(installation)):
        assert time.monotonic() < deadline
        time.sleep(0.5)


def _callback_runs(installation: Installation) -> list[dict[str, Any]]:
    runs = installation.stack.rest.runs("update_newsletter")
    return [run for run in runs if run["dag_run_id"].startswith(CALLBACK_RUN)]


def test_newsletter__without_events_applies_what_waits(installation: Installation) -> None:
    report = installation.run("update_newsletter", "newsletter-by-hand", {})
    assert (report.counts.read, report.counts.written) == (0, 0)


def test_first_commands__work_in_a_shell_as_make_airflow_prints_them(installation: Installation) -> None:
    """Both ways in of the newsletter, with an address that exists. Each look at VTEX must show its change."""
    first = FirstCommands(installation.stack, installation.sandbox, installation.shop.subscriber())
    register_callbacks(installation.sandbox.first, installation.stack.url)
    try:
        answers = [run_in_bash(first.login(), command) for command in (*first.syncs(), *first.newsletter())]
    finally:
        requests.post(f"{installation.sandbox.connectif}/_sandbox/callbacks", json={}, timeout=10)
    switched_on, dry_run, unsubscribed, after_it, subscribed, at_last = answers
    assert json.loads(switched_on)["is_paused"] is False
    assert json.loads(dry_run)["conf"] == {"dry_run": True}
    assert json.loads(unsubscribed)["dag_id"] == "update_newsletter"
    assert json.loads(subscribed)["_newsletterSubscriptionStatus"] == "subscribed"
    assert (after_it, at_last) == (f'"{OPT_IN}":false\n', f'"{OPT_IN}":true\n')


OPT_IN = "isNewsletterOptIn"


def run_in_bash(login: Try, command: Try) -> str:
    """What a command prints after the login. A look at VTEX is repeated until it shows the promised value."""
    deadline = time.monotonic() + SECONDS
    while True:
        shell = subprocess.run(
            ("bash", "-euc", f"{login}\n{command}"), capture_output=True, text=True, check=True
        )
        promised = command.what.rpartition(" is ")[2].rstrip(".")
        if OPT_IN not in command.command or promised in shell.stdout or time.monotonic() > deadline:
            return shell.stdout


def test_callback__while_the_dag_is_paused_is_asked_to_come_later(installation: Installation) -> None:
    url = f"{installation.stack.url}/connectif/newsletter/{WEBHOOK_SECRET}/subscribe?email=entry@example.com"
    installation.stack.rest.patch("dags/update_newsletter", {"is_paused": True})
    try:
        answer = requests.get(url, timeout=30)
    finally:
        installation.stack.rest.unpause("update_newsletter")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "300")


def test_callbacks__a_thousand_invalid_ones_trigger_no_run_and_leave_no_private_text(
    installation: Installation,
) -> None:
    before = len(installation.stack.rest.runs("update_newsletter"))
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda raw: status_of(installation.stack.port, raw), bad_requests(1_000)))
    assert {status for status in statuses if not 400 <= status < 500} == set(), Counter(statuses)
    assert len(installation.stack.rest.runs("update_newsletter")) == before
    installation.stack.check()
    assert requests.get(f"{installation.stack.url}/connectif/health", timeout=10).status_code == 200
    log = installation.stack.log("api-server").read_text(errors="replace")
    for private in ("canary", WEBHOOK_SECRET, "Traceback"):
        assert private not in log


def bad_requests(number: int) -> Iterator[bytes]:
    """Yield requests with wrong secrets, methods, paths and queries, with long texts and injections."""
    dice = random.Random(7)  # noqa: S311 - the same numbers each time
    emails = [
        "", "canary", "canary@", "%00canary", "canary%0d%0aX-Injected:%20y", "canary'%20OR%201=1--", "%ff%fe",
        "canary@example.com&email=canary@example.com", "{{canary}}@x", "..%2f..%2fcanary", "c" * 3_000,
        "<script>canary", "canary@ct.vtex.com.br", "a*@canary.com",
    ]  # fmt: skip
    secrets = ["canary", "%00", "%ff", "..", "' OR 1=1", "x" * 5_000, WEBHOOK_SECRET[:-1], "%F0%9F%90%A6"]
    for _ in range(number):
        email, secret = dice.choice(emails), quote(dice.choice(secrets), safe="%.")
        method = dice.choice(["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"])
        line = (
            dice.choice(
                [
                    f"GET /connectif/newsletter/{secret}/unsubscribe?email=canary@example.com",
                    f"POST /connectif/newsletter/{secret}/subscribe?email=canary@example.com",
                    f"GET /connectif/newsletter/{WEBHOOK_SECRET}/unsubscribe?email={email}",
                    f"POST /connectif/newsletter/{WEBHOOK_SECRET}/subscribe?email={email}",
                    f"{method} /connectif/newsletter/{WEBHOOK_SECRET}/subscribe?email=canary@example.com",
                    f"GET /connectif/newsletter/{WEBHOOK_SECRET}/delete?email=canary@example.com",
                    f"GET /connectif/{dice.randbytes(4).hex()}/{WEBHOOK_SECRET}?email=canary@example.com",
                    f"GET //connectif/newsletter/{WEBHOOK_SECRET}/subscribe?email=canary@example.com",
                    f"GET /newsletter/{WEBHOOK_SECRET}/subscribe?email=canary@example.com",
                    f"GET /connectif/newsletter/{dice.randbytes(30).hex()}",
                ]
            )
            .replace(" OR", "%20OR")
            .replace("' ", "'%20")
        )
        length = dice.choice([0, 0, 0, 100])
        head = f"{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        good = head.encode() + dice.randbytes(length)
        yield dice.choice([good] * 12 + [dice.randbytes(200) + b"\r\n\r\n"])


def status_of(port: int, raw: bytes) -> int:
    """The status of the answer to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(raw)
        answer = connection.recv(64)
    return int(answer.split(maxsplit=2)[1])


def test_wrong_key__run_fails_at_once_and_says_what_to_do(installation: Installation) -> None:
    keys = f"{installation.sandbox.vtex}/_sandbox/keys"
    (key, *_) = requests.get(keys, timeout=10).json()
    requests.delete(f"{keys}/{key['id']}", timeout=10).raise_for_status()
    try:
        installation.stack.rest.trigger("sync_contacts", "wrong-key", {"mode": "full"})
        run = installation.stack.rest.wait("sync_contacts", "wrong-key", stall_seconds=SECONDS)
    finally:
        requests.post(keys, json=key, timeout=10).raise_for_status()
    assert run["state"] == "failed"
    log = installation.last_log("sync_contacts", "wrong-key")
    lines = log[: log.index("::group::Post Execute")]
    assert lines[-1].startswith("Task failed with exception: AccessRefused: VTEX"), "\n".join(lines[-5:])
    assert installation.alerts_of("wrong-key") == {"sync_contacts: a run has failed"}
    task_log = "dags/sync_contacts/runs/wrong-key/tasks/extract?try_number=1"
    alert = installation.last_alert("wrong-key")
    assert "Task extract, try 1: VTEX, Master Data search: HTTP 401" in alert
    assert alert.endswith(f"| {installation.stack.url}/{task_log}")
    failure = installation.report_of("sync_contacts", "wrong-key").failure
    assert failure is not None
    assert (failure.task, failure.error, failure.log) == ("extract", "AccessRefused", task_log)
    page = installation.page("vtex-connectif-status/")
    assert "Last run failed" in page
    assert "runs/wrong-key" in page
    assert failure.sentence in page
    assert f'href="../{task_log}"' in page
    links = installation.stack.rest.get("dags/sync_contacts/dagRuns/wrong-key/taskInstances/report/links")
    assert links["extra_links"] == {
        "Records of this run": (
            f"{installation.stack.url}/vtex-connectif-status/records?pipeline=contacts&run=sync_contacts%2Fwrong-key"
        )
    }


def test_misspelt_parameter__is_refused_by_the_api_or_by_the_first_task(
    installation: Installation,
) -> None:
    rest, before = installation.stack.rest, installation.target()
    with pytest.raises(RestError, match=r"400: .*unknown parameter dryrun \(did you mean dry_run\?\)"):
        rest.trigger("sync_contacts", "misspelt", {"mode": "full", "dryrun": True})
    # Airflow also creates runs from an asset's page, and this request does not name the DAG
    assets = rest.get("assets", name_pattern="sync_products_report")["assets"]
    conf = {"logical_date": None, "conf": {"mode": "full", "dryrun": True}}
    run_id = rest.post(f"assets/{assets[0]['id']}/materialize", conf)["dag_run_id"]
    assert rest.wait("sync_products", run_id, stall_seconds=SECONDS)["state"] == "failed"
    tried = {task["task_id"]: task["try_number"] for task in rest.tasks("sync_products", run_id)}
    assert tried["extract"] == 1
    log = "\n".join(installation.last_log("sync_products", run_id))
    assert "unknown parameter dryrun (did you mean dry_run?)" in log
    assert "Nothing was read" in log
    assert installation.target() == before


# --- the pages inside Airflow's UI

FRAME = "document.querySelector('iframe')?.contentDocument"


@pytest.fixture
def tab() -> Iterator[Tab]:
    require_browser()
    with open_tab() as tab:
        yield tab


@pytest.mark.parametrize("viewport", [Viewport(1280), Viewport(390)], ids=["desktop", "phone"])
def test_pages__work_inside_airflows_frame(installation: Installation, tab: Tab, viewport: Viewport) -> None:
    """Airflow shows them in a sandboxed frame: what leads within stays in it, a run opens in its window."""
    installation.run("sync_contacts", "sync_contacts-first", {"mode": "full"})
    open_as_user(tab, installation.stack, "plugin/vtex-connectif-status", viewport, 900)
    tab.wait_for(f"{FRAME}?.querySelector('.cards') != null")
    tab.wait_for(f"{FRAME}?.styleSheets.length")
    tab.wait_for(f"{FRAME}?.documentElement.scrollWidth <= {FRAME}?.documentElement.clientWidth")
    assert tab.value(f"{FRAME}.fonts.size + {FRAME}.styleSheets.length") == 1, (
        "the page uses only its own style sheet"
    )
    click(tab, f"{FRAME}.querySelector('a[href^=\"records?pipeline=contacts\"]')")
    tab.wait_for(f"{FRAME}?.querySelector('.total') != null")
    key = tab.wait_for(f"{FRAME}?.querySelector('td code')?.innerText")
    click(tab, f"{FRAME}.querySelector('td button')")
    assert key in tab.wait_for(f"{FRAME}?.querySelector('.conclusion') && {FRAME}.body.innerText")
    assert key not in tab.value("location.href")
    open_as_user(tab, installation.stack, "plugin/vtex-connectif-status", viewport, 900)
    click(tab, f"{FRAME}?.querySelector('#contacts a[data-airflow]')")
    assert tab.wait_for("location.pathname.startsWith('/dags/') && location.pathname").startswith(
        "/dags/sync_contacts/runs/"
    )


def test_tabs__of_a_dag_and_a_run_lead_to_the_page(installation: Installation, tab: Tab) -> None:
    installation.run("sync_contacts", "sync_contacts-first", {"mode": "full"})
    dag, run = "dags/sync_contacts", "dags/sync_contacts/runs/sync_contacts-first"
    route, frame = "plugin/vtex-connectif-status", f"{FRAME}?.location.href"
    open_as_user(tab, installation.stack, f"{dag}/{route}-dag", Viewport(1280), 900)
    tab.wait_for(f"{frame}.endsWith('/vtex-connectif-status/#contacts')")
    open_as_user(tab, installation.stack, f"{run}/{route}-dag-run", Viewport(1280), 900)
    tab.wait_for(f"{frame}.endsWith('/records?pipeline=contacts&run=sync_contacts%2Fsync_contacts-first')")
    open_as_user(tab, installation.stack, f"dags/check_setup/{route}-dag", Viewport(1280), 900)
    tab.wait_for(f"{FRAME}?.body?.innerText.includes('have no records')")


def test_explain__answers_inside_airflows_frame(installation: Installation, tab: Tab) -> None:
    person = installation.shop.subscriber()
    open_as_user(tab, installation.stack, "plugin/vtex-connectif-explain", Viewport(1280), 900)
    tab.wait_for(f"{FRAME}?.querySelector('input[name=record]') != null")
    tab.value(f"{FRAME}.querySelector('input[name=record]').focus()")
    tab.type(person["email"])
    answer = tab.wait_for(f"{FRAME}?.querySelector('.conclusion') && {FRAME}.body.innerText")
    assert person["id"] in answer
    assert person["email"] not in answer
    assert "@" not in tab.value("location.href")


# --- alerts and private data


def test_alerts__are_sent_for_a_mass_change_and_for_too_many_rejects(installation: Installation) -> None:
    sandbox, rest = f"{installation.sandbox.vtex}/_sandbox", installation.stack.rest
    installation.run("sync_products", "sync_products-first", {"mode": "full"})
    for number in range(30):
        bad = {"email": "no address at all", "firstName": "Noname"}
        requests.put(f"{sandbox}/documents/bad-{number}", json=bad, timeout=10).raise_for_status()
    vanished = {"status": 200, "body": {"data": {"1": []}, "range": {"total": 1}}}
    fault = {"script": [{"route": "product ids", "calls": 100, **vanished}]}
    requests.post(f"{sandbox}/faults", json=fault, timeout=10).raise_for_status()
    runs = {"sync_products": "stopped", "sync_contacts": "many-rejects"}
    try:
        for dag_id, run_id in runs.items():
            rest.trigger(dag_id, run_id, {"mode": "full"})
        states = {rest.wait(*run, stall_seconds=SECONDS)["state"] for run in runs.items()}
    finally:
        requests.delete(f"{sandbox}/faults", timeout=10).raise_for_status()
    assert states == {"failed"}
    assert installation.alerts_of("stopped", 2) == {
        "sync_products: the mass-change guard stopped a run; nothing was sent",
        "sync_products: a run has failed",
    }
    assert installation.alerts_of("many-rejects", 2) == {
        "sync_contacts: too many records were rejected",
        "sync_contacts: a run has failed",
    }
    page = installation.page("vtex-connectif-status/")
    assert "would vanish" in "".join(installation.last_log("sync_products", "stopped"))
    assert "email_invalid" in page


def test_canary__is_only_in_known_places_after_real_runs_and_removed_by_erasure(
    installation: Installation,
) -> None:
    """Search for the canary's address, name and phone, and for all keys.

    A newsletter run keeps its events in its conf, and Airflow's audit log keeps REST triggers. `airflow db
    clean` removes both.
    """
    home = installation.stack.home
    installation.run("sync_contacts", "sync_contacts-first", {"mode": "full"})
    installation.run("sync_purchases", "sync_purchases-first", installation.last_day())
    event = {"email": canary.EMAIL, "subscribed": False, "occurred_at": datetime.now(UTC).isoformat()}
    installation.run("update_newsletter", "canary-change", {"events": [event]})
    assert installation.shop.contact(canary.EMAIL)
    assert installation.shop.purchase(canary.PURCHASE)
    conf_and_audit = {"airflow:dag_run.conf", "airflow:log.extra"}
    assert find_places(home, CANARIES) == {"staging"} | conf_and_audit

    erased = subprocess.run(
        (sys.executable, "-m", "tools.airflow_environment", "tools.erase"),
        env=installation.stack.environment(), input=canary.EMAIL, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "is erased, and kept out of every later write" in erased.stdout
    assert find_places(home, CANARIES) == conf_and_audit
    kept = installation.run("sync_contacts", "after-the-erasure", {"only": canary.DOCUMENT})
    assert kept.counts.reasons == {Reason.ERASED: 1}

    pages = [installation.page("vtex-connectif-status/")]
    pages += [
        installation.page(f"vtex-connectif-status/records?pipeline={pipeline}&code={Reason.ERASED}")
        for pipeline in PipelineName
    ]
    texts = [*pages, erased.stdout, erased.stderr]
    assert [word for word in CANARIES if word in "".join(texts).lower()] == []
    keys = [VTEX_TOKEN, CONNECTIF_SECRET, WEBHOOK_SECRET, *vars(installation.stack.keys).values()]
    assert find_places(home, keys) == set()
    assert find_places(home / "logs", ["update_newsletter"]), "the search must include the logs"
    assert find_places(home / "logs", ["@example"]) == set()
