"""The configuration directory: where things are, the YAML, and what schemas are built from."""
