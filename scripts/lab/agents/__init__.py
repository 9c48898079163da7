"""Agents with the real client packages, a scripted model, and a real tool server."""
