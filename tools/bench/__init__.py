"""Measures calls, seconds and memory of each pipeline against the sandbox."""
