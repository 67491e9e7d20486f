"""Finds devices on the network and says which integration they are for."""
