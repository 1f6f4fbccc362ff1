"""Checks who may call: a secret in the path, a checksum of the address, and a limit for wrong secrets."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from include.errors import ConfigurationError

SHORTEST_SECRET = 16


@dataclass(frozen=True)
class Keys:
    """The accepted secrets (two while the operator changes the URL at Connectif), and the checksum's key.

    `connection` is the id of the Airflow connection that holds them, for messages.

    With a `checksum_key`, every callback must have a `checksum`: the hex HMAC-SHA1 of its address.
    Connectif's own shop modules check the same (Connectif's PrestaShop and Magento modules, read
    2026-11-23).
    """

    secrets: tuple[str, ...] = field(repr=False)
    checksum_key: str = field(default="", repr=False)
    connection: str = "connectif_default"

    def __post_init__(self) -> None:
        if not self.secrets or min(map(len, self.secrets)) < SHORTEST_SECRET:
            raise ConfigurationError(
                f"Connection {self.connection}: Webhook secret must be a random word of at least "
                f"{SHORTEST_SECRET} characters (so must Previous webhook secret, if it is set); "
                "make one with: openssl rand -hex 32"
            )

    def accepts(self, given: str) -> bool:
        """Whether `given` is one of the secrets; compared in constant time."""
        digest = _digest(given)
        return sum(hmac.compare_digest(digest, _digest(secret)) for secret in self.secrets) > 0

    def checksum_is_valid(self, email: str, checksum: str) -> bool:
        """Whether the checksum belongs to the address as received; True if no key is configured."""
        if not self.checksum_key:
            return True
        given = email.encode("utf-8", "surrogatepass")
        wanted = hmac.new(self.checksum_key.encode(), given, hashlib.sha1).hexdigest()
        return hmac.compare_digest(_digest(checksum.lower()), _digest(wanted))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class WrongSecretLimit:
    """Limits calls with a wrong secret per minute. Calls with the right secret are not limited.

    One count covers all callers, because behind a proxy all callers have one address.
    """

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = a_minute, clock
        self._ends_at, self._count = 0.0, 0

    def seconds_to_wait(self) -> float:
        """Count one more call; return 0.0 below the limit, else the seconds until the next minute."""
        now = self._clock()
        if now >= self._ends_at:
            self._ends_at, self._count = now + 60, 0
        self._count += 1
        return 0.0 if self._count <= self._limit else self._ends_at - now
