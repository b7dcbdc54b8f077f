"""How the network's maps lie on the image."""

FINE, COARSE = 2, 4
"""Pixels of the image to a cell of the maps of kinds and states, and of those of instances."""

REACH = 32.0
"""Offsets are given in this many pixels, so that they are of the order of 1."""
