"""Reproducible random numbers: one for any (seed, name, index), without a generator's state."""

from functools import cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Indexes = npt.NDArray[np.uint64]
MASK = (1 << 64) - 1


class Draws:
    """Splitmix64 over salted indexes. The scalar and the array methods give the same numbers."""

    def __init__(self, seed: int | str) -> None:
        self.salt = cache(
            lambda name: int.from_bytes(blake2b(f"{seed}/{name}".encode(), digest_size=8).digest())
        )

    def number(self, name: str, index: int) -> int:
        """64 random bits."""
        z = (self.salt(name) + index * 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, name: str, index: int, limit: int) -> int:
        return self.number(name, index) % limit

    def share(self, name: str, index: int) -> float:
        """A number in [0, 1)."""
        return (self.number(name, index) >> 11) / (1 << 53)

    def numbers(self, name: str, indexes: Indexes) -> Indexes:
        z = np.uint64(self.salt(name)) + indexes * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))

    def all_below(self, name: str, indexes: Indexes, limit: int) -> list[int]:
        numbers: list[int] = (self.numbers(name, indexes) % np.uint64(limit)).tolist()
        return numbers

    def shares(self, name: str, indexes: Indexes) -> npt.NDArray[np.float64]:
        return (self.numbers(name, indexes) >> np.uint64(11)).astype(np.float64) / (1 << 53)

    def guids(self, name: str, indexes: Indexes) -> list[str]:
        high, low = self.numbers(name, indexes).tolist(), self.numbers(name + "'", indexes).tolist()
        return [guid(a, b) for a, b in zip(high, low, strict=True)]

    def guid(self, name: str, index: int) -> str:
        return guid(self.number(name, index), self.number(name + "'", index))


def guid(high: int, low: int) -> str:
    text = f"{high:016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
