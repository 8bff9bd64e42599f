"""What can run a network: one module per runtime, found by name in `registry`."""
