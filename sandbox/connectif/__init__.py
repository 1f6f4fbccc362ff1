"""The simulated Connectif, written from its public documents (read 2026-11-23)."""
