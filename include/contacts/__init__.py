"""Customers of VTEX → contacts of Connectif: read by scroll, map by columns, load by import."""

from include.contacts.extract import extract
from include.contacts.load import load
from include.contacts.transform import transform

__all__ = ["extract", "load", "transform"]
