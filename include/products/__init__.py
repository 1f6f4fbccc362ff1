"""The products pipeline: read the VTEX catalogue, choose offers, import products, keep a snapshot."""

from include.products.extract import extract
from include.products.load import load
from include.products.transform import transform

__all__ = ["extract", "load", "transform"]
