"""What both simulated vendors share: server, clock, database, journal, faults, control plane, endpoints."""
