"""`python -m sandbox`: VTEX and Connectif, simulated from their documents, importing nothing of ours."""
