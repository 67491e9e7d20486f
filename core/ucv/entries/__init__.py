"""Config entries: one for each configured device or service, from setup to removal."""
