"""Which trials run, for how long, and where."""
