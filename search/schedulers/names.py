"""The names that `--scheduler` takes, apart from their makers so that `--help` loads nothing heavy."""

SCHEDULER_NAMES = ("asha", "pasha", "patience", "none")
