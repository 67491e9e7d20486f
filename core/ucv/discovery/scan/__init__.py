"""Looks for devices at addresses that a person names: which ports are open, and what answers."""
