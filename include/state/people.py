"""How people appear in the store: as keyed hashes, and encrypted where an address must be read again."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken

from include.errors import ConfigurationError
from include.values.address import tidy_address

_SHORTEST_KEY = 16


class People:
    """Hashes and seals addresses with the store's hash key (`hash_key` in the connection's extra)."""

    def __init__(self, hash_key: str) -> None:
        if len(hash_key) < _SHORTEST_KEY:
            raise ConfigurationError(
                f"sync_state: extra hash_key must be a secret of at least {_SHORTEST_KEY} characters, "
                f"and stay the same; make one with: openssl rand -hex 32"
            )
        self._key = hash_key.encode()
        self._person = hmac.new(self._key, b"person:", hashlib.sha256)
        self._box = Fernet(base64.urlsafe_b64encode(self._digest(b"seal")))

    def __repr__(self) -> str:
        return "People()"

    def hashed(self, email: str) -> str:
        """64 hex digits (HMAC-SHA256), the same for an address however it is written (`tidy_address`)."""
        digest = self._person.copy()
        digest.update(tidy_address(email).encode())
        return digest.hexdigest()

    @property
    def key_mark(self) -> str:
        """Tells whether two hashes were made with the same key, and nothing else of it."""
        return self._digest(b"mark").hex()[:16]

    def sealed(self, text: str) -> str:
        """An address, or what a vendor said, encrypted; only this key opens it."""
        return self._box.encrypt(text.encode()).decode()

    def opened(self, sealed: str) -> str:
        """The text that was `sealed`; `ConfigurationError` when the hash key has changed since."""
        try:
            return self._box.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise ConfigurationError(
                "sync_state: extra hash_key is not the one that this store was written with; put it back"
            ) from None

    def _digest(self, text: bytes) -> bytes:
        return hmac.digest(self._key, text, hashlib.sha256)
