"""Rules that decide after each evaluation whether a trial goes on.

One file per rule; `search.schedulers.registry` knows them by the names that `--scheduler` takes.
"""
