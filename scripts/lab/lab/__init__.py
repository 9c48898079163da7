"""Drives real applications with users and attackers, and writes what happened as capture and truth."""
