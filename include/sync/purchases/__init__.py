"""VTEX orders that web tracking missed → Connectif purchases: list, detail, real address, post."""

from include.sync.purchases.extract import extract
from include.sync.purchases.load import load
from include.sync.purchases.transform import transform

__all__ = ["extract", "load", "transform"]
