"""Config flows: the forms and steps by which people add, log in to and change devices."""
