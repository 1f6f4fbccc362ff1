"""Connectif's HTTP API: one client, its limits, its pace. Knows nothing of VTEX."""
