"""Where the next configuration comes from: one file per way of proposing, named as `--search-alg` takes it."""
