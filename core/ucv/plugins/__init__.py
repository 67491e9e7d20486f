"""The plugin interface: what integrations implement, the hooks, and the loader with quarantine."""
