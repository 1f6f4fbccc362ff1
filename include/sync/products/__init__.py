"""The whole VTEX catalogue → Connectif products: ids, search, offers, brake, import, snapshot."""

from include.sync.products.extract import extract
from include.sync.products.load import load
from include.sync.products.transform import transform

__all__ = ["extract", "load", "transform"]
