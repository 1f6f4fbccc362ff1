"""The commands to try first. `make airflow` prints them with its own values, and the README with examples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.local_stack import USERNAME, LocalStack
from tools.sandbox_shop import Sandbox
from tools.shop_reads import JSON

JSON_TYPE = "-H 'Content-Type: application/json'"
_POST = f"""curl -sS -w '\\n' -H "Authorization: Bearer $TOKEN" {JSON_TYPE}"""
_NOW = "'$(date -u +%Y-%m-%dT%H:%M:%SZ)'"
"""Closes the quote of the JSON text, and opens it again."""


@dataclass(frozen=True)
class Try:
    """A command for a shell, and what it does."""

    what: str
    command: str

    def __str__(self) -> str:
        return f"# {self.what}\n{self.command}"


@dataclass(frozen=True)
class FirstCommands:
    """Commands for this Airflow and this sandbox. `customer` has the opt-in at VTEX: `id` and `email`."""

    stack: LocalStack
    sandbox: Sandbox
    customer: JSON = field(repr=False)

    def login(self) -> Try:
        return Try("Get a token.", login(self.stack.url, self.stack.keys.password))

    def syncs(self) -> Iterator[Try]:
        """Run the contacts, then make a dry run."""
        yield Try(
            "Switch the contacts on: the first run sends all customers.",
            f"""{_POST} \\\n  -X PATCH "$AIRFLOW/api/v2/dags/sync_contacts" -d '{{"is_paused": false}}'""",
        )
        yield Try(
            "Make a dry run of the contacts.",
            f"""{_POST} \\\n  "$AIRFLOW/api/v2/dags/sync_contacts/dagRuns" """
            """-d '{"logical_date": null, "conf": {"dry_run": true}}'""",
        )

    def newsletter(self) -> Iterator[Try]:
        """Both ways in. The later change wins, so all can be pasted at once."""
        email = self.customer["email"]
        yield Try(
            "A caller of the REST API reports that a customer has unsubscribed.",
            newsletter_event(email, _NOW),
        )
        yield self.opt_in("false")
        yield Try(
            "The customer subscribes again, at the simulated Connectif, which calls the receiver in Airflow.",
            f"""curl -sS -w '\\n' {self.sandbox.connectif}/_sandbox/subscribe -d '{{"email": "{email}"}}'""",
        )
        yield self.opt_in("true")

    def opt_in(self, value: str) -> Try:
        url = f"{self.sandbox.vtex}/_sandbox/documents/{self.customer['id']}"
        return Try(
            f"Some seconds later the newsletter field of that customer at VTEX is {value}.",
            f"""sleep 10; curl -sS {url} | grep -o '"isNewsletterOptIn":[a-z]*'""",
        )


def login(airflow: str, password: str) -> str:
    """Set `AIRFLOW` and `TOKEN`, which the other commands use."""
    return f"""AIRFLOW={airflow}
TOKEN=$(curl -sS "$AIRFLOW/auth/token" {JSON_TYPE} \\
  -d '{{"username": "{USERNAME}", "password": "{password}"}}' | cut -d'"' -f4)"""


def newsletter_event(email: str, occurred_at: str) -> str:
    """Report an unsubscription to `update_newsletter`."""
    return f"""{_POST} \\
  "$AIRFLOW/api/v2/dags/update_newsletter/dagRuns" -d '{{"logical_date": null, "conf": {{"events": [
    {{"email": "{email}", "subscribed": false, "occurred_at": "{occurred_at}"}}]}}}}'"""
