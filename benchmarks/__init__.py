"""How fast and how true the harness is; run one with `python -m benchmarks.NAME`, `--quick` and `--json FILE`."""
