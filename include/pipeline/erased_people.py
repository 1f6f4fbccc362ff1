"""The people who asked to be erased: one query for many records, and no hashing if the list is empty."""

from __future__ import annotations

from collections.abc import Iterable

from include.state import StateStore


class ErasedPeople:
    """The erased people of the shop, as they were when this object was created."""

    def __init__(self, state: StateStore) -> None:
        self._people, self._hashed = state.erasure.erased_people(), state.hashed

    def __bool__(self) -> bool:
        return bool(self._people)

    def __contains__(self, email: str) -> bool:
        return bool(self._people) and self._hashed(email) in self._people

    def intersection(self, emails: Iterable[str]) -> set[str]:
        """The addresses that belong to an erased person."""
        people, hashed = self._people, self._hashed
        return {email for email in emails if hashed(email) in people} if people else set()
