"""The bank of the lab."""
