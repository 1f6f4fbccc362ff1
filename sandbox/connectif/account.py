"""The account that all rules use: its database, its settings and its clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sandbox.connectif.fields import Field, instant_text, read_object
from sandbox.connectif.knobs import ConnectifKnobs
from sandbox.connectif.schema import Ids
from sandbox.core.clock import Clock
from sandbox.core.database import Database
from sandbox.shop.identity import ShopIdentity


@dataclass(frozen=True)
class Account:
    """One Connectif account. The shop's domain is authorised, unless the knob names other domains."""

    database: Database
    knobs: ConnectifKnobs
    clock: Clock
    shop: ShopIdentity

    @property
    def ids(self) -> Ids:
        return Ids(self.shop.number)

    @property
    def files(self) -> str:
        """Where the account's files are, below the base URL. No key says whose file a call asks for."""
        return f"{self.shop.path}/files/".removeprefix("/")

    def now(self) -> str:
        """The current instant in the form that the tables and the API have."""
        return instant_text(self.clock.now())

    def read(self, body: Any, fields: Mapping[str, Field]) -> tuple[dict[str, Any], dict[str, str]]:
        """`read_object`, as strict as the account's knobs say."""
        return read_object(body, fields, reject_unknown=self.rejects_unknown, reject_null=self.rejects_null)

    @property
    def rejects_unknown(self) -> bool:
        return self.knobs.unknown_keys == "reject"

    @property
    def rejects_null(self) -> bool:
        return self.knobs.null_values == "reject"

    @property
    def hosts(self) -> list[str]:
        return self.knobs.authorised_domains or [self.shop.domain]

    @property
    def allowed_domains(self) -> list[str]:
        """The authorised domains as error answers show them."""
        return [f"https://{host}" for host in self.hosts]

    def allows(self, url: str) -> bool:
        """Whether the URL's host is an authorised domain. The whole host must match, in any case."""
        return urlsplit(url).hostname in {host.lower() for host in self.hosts}
