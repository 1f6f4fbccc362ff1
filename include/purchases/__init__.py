"""The pipeline of purchases: VTEX orders that the web tag missed become purchases at Connectif."""

from include.purchases.extract import extract
from include.purchases.load import load
from include.purchases.transform import transform

__all__ = ["extract", "load", "transform"]
