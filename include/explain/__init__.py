"""One record, looked up on both sides and in the store: what is there, what would be sent, and why.

`explain` gives an `Explanation`. Nothing is written, stored or logged; e-mail addresses are masked in it.
"""

from include.explain.answer import KIND_OF, Explanation, Kind
from include.explain.desk import Desk
from include.explain.search import explain

__all__ = ["KIND_OF", "Desk", "Explanation", "Kind", "explain"]
