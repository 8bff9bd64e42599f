"""Data: reading folders of photos or patches, drawing the built-in set, splitting, sampling, augmenting."""
