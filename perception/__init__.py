"""Frames in, percepts out."""
