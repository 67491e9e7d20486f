"""Virtual cameras for people without one."""
