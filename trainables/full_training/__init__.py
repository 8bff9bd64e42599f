"""The parts of `python -m trainables.train`."""
