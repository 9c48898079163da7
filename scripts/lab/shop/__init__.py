"""The shop of the lab."""
