"""The contacts pipeline: read VTEX customers by scroll, map them by column, import them to Connectif."""

from include.contacts.extract import extract
from include.contacts.load import load
from include.contacts.transform import transform

__all__ = ["extract", "load", "transform"]
