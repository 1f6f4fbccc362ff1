"""VTEX's HTTP APIs: one client, its limits. Knows nothing of Connectif."""
