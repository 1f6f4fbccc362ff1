"""Receives Connectif's newsletter callbacks: checks each, records it durably, and only then answers."""
