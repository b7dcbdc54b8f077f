"""The loop: perceive, remember, plan, act."""
