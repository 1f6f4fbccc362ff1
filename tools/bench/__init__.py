"""What the syncs cost: calls, seconds and memory of each area, measured against the sandbox."""
