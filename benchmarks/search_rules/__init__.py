"""Which rule finds the best configuration at the least compute: contenders over the same learning curves."""
