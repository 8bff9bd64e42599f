"""Searches without training: a simulated clock and given learning curves drive the very same controller."""
