"""Two live schemas beside each other: what keeps rows from moving, what would be lost, what does not matter."""
