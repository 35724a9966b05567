"""Training of the cut-out net; for those who develop it, not part of what is installed."""
