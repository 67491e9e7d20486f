"""What a person can attach to a report of a defect: everything that is known of an entry."""
