"""Connectif's HTTP API: the client, its routes, limits and rate limit. Does not depend on VTEX."""
