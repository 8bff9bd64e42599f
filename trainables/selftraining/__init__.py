"""Self-training: a teacher's pseudo-labels, and the strategies that choose which of them to trust.

A new strategy is one more file in this folder that registers itself: see `strategy.register_threshold_strategy`.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    # Importing a strategy's module registers it.
    import_module(f"{__name__}.{_module.name}")
