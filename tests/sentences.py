"""What every conclusion of an explanation must be."""

from __future__ import annotations


def assert_is_a_sentence(text: str) -> None:
    """One sentence, without its full stop and without an address."""
    assert text[0].isupper()
    assert not text.endswith(".")
    assert ". " not in text
    assert "\n" not in text
    assert "@" not in text
