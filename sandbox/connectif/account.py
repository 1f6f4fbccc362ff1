"""The account that every rule works on: its rows, its settings and its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sandbox.connectif.fields import instant_text

if TYPE_CHECKING:
    from sandbox.connectif.knobs import Knobs
    from sandbox.core.clock import Clock
    from sandbox.core.database import Database


@dataclass(frozen=True)
class Account:
    """One Connectif account. `shop_domain` is authorised unless the knob names others."""

    database: Database
    knobs: Knobs
    clock: Clock
    shop_domain: str

    def now(self) -> str:
        """The instant as it is stored and shown."""
        return instant_text(self.clock.now())

    @property
    def rejects_unknown(self) -> bool:
        return self.knobs.unknown_keys == "reject"

    @property
    def rejects_null(self) -> bool:
        return self.knobs.null_values == "reject"

    @property
    def hosts(self) -> list[str]:
        return self.knobs.authorised_domains or [self.shop_domain]

    @property
    def allowed_domains(self) -> list[str]:
        """The authorised domains as error answers show them."""
        return [f"https://{host}" for host in self.hosts]

    def allows(self, url: str) -> bool:
        """Whether the URL is on an authorised domain: hosts are compared whole and without case."""
        return urlsplit(url).hostname in {host.lower() for host in self.hosts}
