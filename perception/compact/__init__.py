"""A compact tracker of our own, trained on films of generated houses."""
