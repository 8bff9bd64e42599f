"""A process that reports evaluations as fast as it is answered, in place of a training; it loads next to nothing."""

import math
import random
import time
from multiprocessing.connection import Connection
from typing import Any

OTHER_METRICS = 25
"""Metrics beside the score, about as many as a real evaluation reports."""


def report_until_told(connection: Connection, eval_every: int, max_steps: int) -> None:
    """Take jobs, (trial, last step), until there is None; report each trial's evaluations until told to stop.

    What is sent is the trial, its metrics, and the seconds from the report before to its answer, or None.

    Args:
        connection: To the driver; it answers every report by whether the trial goes on.
        eval_every: Steps between evaluations.
        max_steps: Steps of a full training.
    """
    waited: float | None = None
    while (job := connection.recv()) is not None:
        trial_id, step = job
        source = random.Random(trial_id)
        end, goes_on = source.random(), True
        while goes_on:
            step += eval_every
            asked = time.perf_counter()
            connection.send((trial_id, _metrics(source, step, end * (1 - math.exp(-4 * step / max_steps))), waited))
            goes_on = connection.recv()
            waited = time.perf_counter() - asked


def _metrics(source: random.Random, step: int, miou: float) -> dict[str, Any]:
    others = {f"metric_{number}": source.random() for number in range(OTHER_METRICS)}
    return {"step": step, "miou": miou, "train_seconds": float(step), **others}
