"""Copies of a whole installation in one file each, unreadable without their passphrase."""
