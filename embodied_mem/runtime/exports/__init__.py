"""What a store remembers, in formats that other tools read."""
