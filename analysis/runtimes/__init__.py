"""What can run a network when its costs are measured: one module per runtime, found by name in `registry`."""
