"""Where Connectif's newsletter callbacks arrive: checked, written down durably, only then answered."""
