"""What each kind of source does its own way: cut tables into parts that can be read again, and read them."""
