"""What `benchmarks.faults` kills, by name, for `--help` to show at once."""

TARGETS = ("driver", "worker", "raylet", "gcs", "all")
"""`worker` trains, `raylet` and `gcs` are Ray's own, `all` is the driver with every process below it."""
