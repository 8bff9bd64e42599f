"""The names that `--search-alg` takes, apart from their makers so that `--help` loads no Optuna."""

SAMPLER_NAMES = ("tpe", "random", "quasi-random")
