"""Both sides compared, record by record: what is the same, and a cause for everything that is not."""
