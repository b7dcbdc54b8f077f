"""XMem's network and the tracker around it (Cheng & Schwing, ECCV 2022, arXiv:2207.07115)."""
