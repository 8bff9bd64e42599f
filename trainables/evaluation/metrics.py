"""The flat metrics of an evaluation."""

import math
from typing import Any

from trainables.evaluation.confusion import class_ious
from trainables.evaluation.evaluation import PartEvaluation
from trainables.metric_names import iou_name, pseudo_precision_name


def evaluation_metrics(evaluation: PartEvaluation, class_names: tuple[str, ...]) -> dict[str, float]:
    """Scores of an evaluation by name; those without a value, as of a class that is not there, are left out.

    `miou`, `iou_...` of each class, `boundary_miou`, `calibration_error`; where the predictions were weighed as
    pseudo-labels also `pseudo_precision`, `pseudo_precision_...` of each class and `validation_mask_ratio`.
    """
    metrics = {
        "miou": evaluation.miou,
        "boundary_miou": evaluation.boundary_miou,
        "calibration_error": evaluation.calibration_error,
        "pseudo_precision": evaluation.pseudo_precision,
        "validation_mask_ratio": evaluation.mask_ratio,
    }
    precisions = evaluation.pseudo_precisions
    ious = class_ious(evaluation.total_confusion)
    for index, name in enumerate(class_names):
        metrics[iou_name(index, name)] = ious[index]
        metrics[pseudo_precision_name(index, name)] = None if precisions is None else precisions[index]
    return {name: float(value) for name, value in metrics.items() if value is not None and not math.isnan(value)}


def tested_record(evaluation: PartEvaluation) -> dict[str, Any]:
    """An evaluation on the test part as a search's journal keeps it: groups, their pixels, and the mean scores."""
    scores = {"boundary_miou": evaluation.boundary_miou, "calibration_error": evaluation.calibration_error}
    return {
        "groups": list(evaluation.groups),
        "confusion": [matrix.tolist() for matrix in evaluation.confusion],
        # JSON has no NaN: what has no value is left out.
        **{name: value for name, value in scores.items() if not math.isnan(value)},
    }
