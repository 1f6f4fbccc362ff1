"""`python -m sandbox`: a simulated VTEX and a simulated Connectif. Imports nothing of the sync."""
