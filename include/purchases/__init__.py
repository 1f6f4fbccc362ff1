"""VTEX orders that web tracking missed → Connectif purchases: list, detail, real address, post."""

from include.purchases.extract import extract
from include.purchases.load import load
from include.purchases.transform import transform

__all__ = ["extract", "load", "transform"]
