"""Cameras, their stream profiles, and the registry of them."""
