"""One threshold for all classes."""

from spaces.configuration import TrialConfig
from spaces.schedule import Schedule
from trainables.selftraining.class_thresholds import ClassThresholds
from trainables.selftraining.strategy import register_threshold_strategy


@register_threshold_strategy("fixed")
def fixed(config: TrialConfig, schedule: Schedule, class_names: tuple[str, ...]) -> ClassThresholds:
    """`threshold_base` for every class, the background included (FixMatch, Sohn et al. 2020)."""
    return ClassThresholds([config.threshold_base] * len(class_names))
