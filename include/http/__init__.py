"""The HTTP layer that both clients share: session, table of outcomes, retries, rate limits."""
