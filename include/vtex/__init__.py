"""VTEX's HTTP APIs: the client, its routes and limits. Does not depend on Connectif."""
