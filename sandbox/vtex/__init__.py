"""The simulated VTEX, written from its documents: Master Data v1, Catalog, legacy search, Pricing, Orders."""
