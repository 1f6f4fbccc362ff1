"""The HTTP layer that both clients share: one session, one table of outcomes, one retry, one pace."""
