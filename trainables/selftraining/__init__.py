"""Self-training: a teacher's pseudo-labels, and the strategies that choose which of them to trust."""

# Importing a strategy's module registers it.
from trainables.selftraining import classwise as _classwise
from trainables.selftraining import fixed as _fixed

__all__: list[str] = []
del _classwise, _fixed
