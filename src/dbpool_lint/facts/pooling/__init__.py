"""How does a pool live? Where it is made, kept, closed, lost, counted, and shared between event loops."""
