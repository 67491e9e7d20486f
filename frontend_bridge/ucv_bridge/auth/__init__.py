"""Who may do what: accounts, sessions, tokens, the first start."""
