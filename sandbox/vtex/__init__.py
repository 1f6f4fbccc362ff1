"""VTEX as a daily sync meets it: Master Data v1, Catalog, legacy search, Pricing and Orders."""
