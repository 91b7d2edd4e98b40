"""What each kind of target does its own way: make tables, take rows in, put keys and sequences right."""
