"""Simulated applications: they answer in process, and packets are made with simulated time."""
