"""The whole VTEX catalogue → Connectif products: ids, search, offers, mass-change guard, import, snapshot."""

from include.products.extract import extract
from include.products.load import load
from include.products.transform import transform

__all__ = ["extract", "load", "transform"]
