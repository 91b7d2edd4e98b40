"""SQL that makes a table like one of another store: types, defaults, keys."""
