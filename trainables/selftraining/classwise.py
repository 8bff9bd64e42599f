"""One threshold per class: the recipe's strategy."""

from spaces.configuration import TrialConfig
from spaces.schedule import Schedule
from trainables.selftraining.class_thresholds import ClassThresholds
from trainables.selftraining.strategy import register_threshold_strategy

HIGHEST = 0.99
"""No confidence exceeds 1: an offset must not shut a class out for good."""


@register_threshold_strategy("classwise")
def classwise(config: TrialConfig, schedule: Schedule, class_names: tuple[str, ...]) -> ClassThresholds:
    """Base plus the class's offset, class 0 with a threshold of its own; all kept within 0 and `HIGHEST`.

    Offsets of classes that the data do not have are passed over, so that one recipe serves any data.
    """
    foreground = [config.threshold_base + config.threshold_offsets.get(name, 0.0) for name in class_names[1:]]
    return ClassThresholds([min(max(t, 0.0), HIGHEST) for t in (config.threshold_background, *foreground)])
