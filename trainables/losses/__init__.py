"""Supervised losses; each is a function of log-probabilities and a target, combined in `combined`."""
