"""Memory and processor time of each task, what fits on a worker, and a plan for a much larger shop."""
