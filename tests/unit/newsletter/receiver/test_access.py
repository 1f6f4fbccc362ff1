"""Secrets, checksums, and the limit for wrong secrets."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from include.errors import ConfigurationError
from include.newsletter.receiver.access import Keys, WrongSecretLimit

NEW, OLD = "the new secret, made up", "the old secret, made up"


def test_keys__accept_two_secrets_while_one_is_replaced() -> None:
    keys = Keys((NEW, OLD))
    assert keys.accepts(NEW)
    assert keys.accepts(OLD)
    for wrong in ("", NEW[:-1], NEW + "x", NEW.upper(), f"{NEW},{OLD}", "\udcff", "é" * 999):
        assert not keys.accepts(wrong)


@pytest.mark.parametrize("secrets", [(), ("",), ("short",), (NEW, "short")])
def test_keys__refuse_a_missing_or_short_secret(secrets: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="Webhook secret") as error:
        Keys(secrets)
    assert "short" not in str(error.value)


def test_keys__repr_shows_no_secret() -> None:
    assert "secret, made up" not in repr(Keys((NEW, OLD), "a checksum key"))


def test_checksum__is_hmac_sha1_of_the_address_as_received() -> None:
    keys = Keys((NEW,), "a checksum key")
    right = hmac.new(b"a checksum key", b"Ana+x@example.com", hashlib.sha1).hexdigest()
    assert keys.checksum_is_valid("Ana+x@example.com", right)
    assert keys.checksum_is_valid("Ana+x@example.com", right.upper())
    for email, checksum in (("ana+x@example.com", right), ("Ana+x@example.com", ""), ("", right)):
        assert not keys.checksum_is_valid(email, checksum)


def test_checksum__is_ignored_without_a_key() -> None:
    assert Keys((NEW,)).checksum_is_valid("ana@example.com", "anything")


def test_wrong_secret_limit__waits_for_the_next_minute() -> None:
    now = [100.0]
    limit = WrongSecretLimit(3, lambda: now[0])
    assert [limit.seconds_to_wait() for _ in range(5)] == [0, 0, 0, 60, 60]
    now[0] += 45
    assert limit.seconds_to_wait() == 15
    now[0] += 15
    assert limit.seconds_to_wait() == 0
