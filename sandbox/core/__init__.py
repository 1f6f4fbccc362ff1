"""What both simulated vendors share: clock, faults, journal, control plane, database, server."""
