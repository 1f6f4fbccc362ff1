"""Customers of VTEX → contacts of Connectif: read by scroll, map by columns, load by import."""

from include.sync.contacts.extract import extract
from include.sync.contacts.load import load
from include.sync.contacts.transform import transform

__all__ = ["extract", "load", "transform"]
