"""The process that evaluates a network as a runtime computes it, on the validation part."""

from pathlib import Path
from typing import Any

from analysis.measuring_process import answer_questions
from spaces.configuration import TrialConfig
from trainables.compute.precision import PLAIN_LAYOUT
from trainables.data.opening import DataSource
from trainables.data.split import split_dataset
from trainables.data.trial_data import TrialData
from trainables.evaluation.confusion import class_ious
from trainables.evaluation.evaluation import evaluate_part
from trainables.metric_names import iou_name
from trainables.runtimes.registry import create_runtime
from trainables.runtimes.runtime import Circumstances, NetworkFiles
from trainables.runtimes.runtime_model import RuntimeModel


def evaluate(
    *,
    folder: str,
    config: dict[str, Any],
    classes: int,
    runtime: str,
    circumstances: dict[str, Any],
    data: dict[str, Any],
) -> dict[str, Any]:
    """Foreground mIoU, and IoU of each class that the validation part holds by metric name, as fractions."""
    files = NetworkFiles(Path(folder), TrialConfig.model_validate(config), classes)
    dataset = DataSource(**data["source"]).open()
    names = dataset.classes.names
    split = split_dataset(dataset, by=data["split_by"], seed=data["split_seed"])
    trial_data = TrialData(dataset, split, validation_windows=data["windows"])
    running = create_runtime(runtime, files, Circumstances(**circumstances))
    running.load()
    running.compile()
    model: Any = RuntimeModel(running)
    part = evaluate_part(model, files.config, trial_data, "validation", PLAIN_LAYOUT)
    ious = class_ious(part.total_confusion)
    named = {iou_name(index, name): float(ious[index]) for index, name in enumerate(names)}
    return {"miou": float(part.miou), "ious": {name: value for name, value in named.items() if value == value}}  # noqa: PLR0124 - NaN


if __name__ == "__main__":
    answer_questions(evaluate)
