"""The simulated Connectif, written from its documents (read 2026-11-23)."""
