"""Config entries: one for each configured device or service, with its life from setup to removal."""
