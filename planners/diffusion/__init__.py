"""A policy that remembers: encoder, perceptual-cognitive bank, diffusion of action chunks."""
