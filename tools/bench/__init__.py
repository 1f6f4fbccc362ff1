"""What the syncs cost: calls, seconds and memory of each pipeline, measured against the sandbox."""
