"""The player's side of AI2-THOR's protocol: lets its own client drive our simulator."""
