"""Results of a large search, made up: configurations drawn from the built-in spaces, curves by formula."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.compute_tables import decisions_frame, stretches_frame
from analysis.results import SearchResults, TestEvaluation
from analysis.tables import CONFIG_PREFIX, costs_frame, curves_frame, results_frame
from search.samplers.sources import UnitSource
from spaces.loading import builtin_space_names, load_space
from spaces.space import Space
from trainables.metric_names import iou_name, pseudo_precision_name, pseudo_share_name

CLASSES = ("background", "water", "building", "road", "vegetation", "bare ground", "vehicle")
GROUPS = 12
SEEDS = (0, 1, 2)
EVAL_EVERY = 3_750
RUNG = 5
"""Evaluations up to the only rung; every other trial counts as stopped, yet has all evaluations."""
WORKERS = 8
COSTS = {"unet": (3.5e6, 20.0), "unetplusplus": (6.8e6, 55.0), "deeplabv3plus": (40.4e6, 130.0)}
"""Parameters and latency in ms; a network that is not listed has those of the last."""


def large_results(trials: int, evaluations: int, seed: int = 0) -> SearchResults:
    """Make results whose every search trial was evaluated as often as asked for.

    Args:
        trials: Trials of the search, shared evenly by the built-in spaces; finalists come on top.
        evaluations: Evaluations of each trial.
        seed: Of the draws.
    """
    generator = np.random.default_rng(seed)
    spaces = {name: load_space(name) for name in builtin_space_names()}
    rows: list[dict[str, Any]] = []
    curves: list[NDArray[np.float64]] = []
    for number in range(trials):
        name = list(spaces)[number % len(spaces)]
        source = None if number < len(spaces) else UnitSource(lambda _: float(generator.random()))
        rows.append(_trial(spaces[name], f"{name}-{number:05d}", source, evaluations, stopped=number % 2 == 1))
        curves.append(_scores(evaluations, generator))
        rows[-1]["miou"], rows[-1]["best_miou"] = float(curves[-1][-1]), float(curves[-1].max())
    tests = []
    for row, scores, test in list(_finals(rows, curves, generator)):
        rows.append(row)
        curves.append(scores)
        tests.append(test)
    table = results_frame(rows)
    return SearchResults(
        settings=_settings(spaces, trials, evaluations),
        trials=table,
        curves=_curves(rows, curves, generator),
        tests=tuple(tests),
        costs=costs_frame(table),
        panels=(),
        stretches=stretches_frame(_stretches(rows)),
        decisions=decisions_frame(_decisions(rows)),
    )


def _trial(
    space: Space, trial_id: str, source: UnitSource | None, evaluations: int, *, stopped: bool
) -> dict[str, Any]:
    """The row of a trial without its scores: the space's baseline where there is nothing to draw from."""
    config = space.baseline if source is None else space.sample(source)
    parameters, latency = COSTS.get(space.name, (40e6, 130.0))
    return {
        "trial_id": trial_id,
        "space": space.name,
        "phase": "search",
        "role": "baseline" if source is None else "proposed",
        "source_trial_id": "",
        "stop_reason": "pruned" if stopped and source is not None else "completed",
        "error": "",
        "seed": 0,
        "step": evaluations * EVAL_EVERY,
        **{CONFIG_PREFIX + field: value for field, value in config.model_dump().items()},
        "mask_ratio": 0.6,
        "steps_per_second": 4.0,
        "images_seen": 32.0 * evaluations * EVAL_EVERY,
        "train_seconds": evaluations * EVAL_EVERY / 4.0,
        "evaluation_seconds": 20.0 * evaluations,
        "parameters": parameters,
        "macs": 1000 * parameters,
        "checkpoint_mb": 4 * parameters / 1e6,
        "latency_ms_p50": latency,
        "latency_ms_p90": 1.1 * latency,
        "throughput_img_s": 1500 / latency,
        "peak_memory_mb": 300 + parameters / 1e5,
    }


def _scores(evaluations: int, generator: np.random.Generator) -> NDArray[np.float64]:
    steps = np.arange(1, evaluations + 1) / evaluations
    end = 0.75 * generator.beta(4, 1.5)
    rise = 1 - np.exp(-generator.uniform(2, 6) * steps)
    return np.asarray(np.clip(end * rise + generator.normal(0, 0.01, evaluations), 0, 1))


def _finals(
    rows: list[dict[str, Any]], curves: list[NDArray[np.float64]], generator: np.random.Generator
) -> Iterator[tuple[dict[str, Any], NDArray[np.float64], TestEvaluation]]:
    """The best and the baseline of each space on the seeds."""
    for space in dict.fromkeys(row["space"] for row in rows):
        own = [index for index, row in enumerate(rows) if row["space"] == space]
        best = max(own, key=lambda index: rows[index]["best_miou"])
        for role, source in (("best", best), ("baseline", own[0])):
            for seed in SEEDS:
                trial_id = f"{space}-{role}-seed{seed}"
                identity = {"trial_id": trial_id, "phase": "finalist", "role": role, "seed": seed}
                row = {**rows[source], **identity, "source_trial_id": rows[source]["trial_id"]}
                accuracy = rows[source]["best_miou"] + float(generator.normal(0, 0.005))
                test = TestEvaluation(trial_id, space, role, seed, _groups(), _confusion(accuracy, generator))
                yield {**row, "stop_reason": "completed"}, curves[source], test


def _stretches(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What ran when: trials of the search up to the rung and on from there, those of the finals in one piece."""
    free = [0.0] * WORKERS
    stretches = []
    for number, row in enumerate(rows):
        lane = number % WORKERS
        rung = RUNG * EVAL_EVERY if row["phase"] == "search" and row["step"] > RUNG * EVAL_EVERY else 0
        for first, last in ((0, rung), (rung, row["step"])):
            if first == last:
                continue
            start, free[lane] = free[lane], free[lane] + 2.0 + (last - first) / 4.0
            stretches.append(
                {
                    **{name: row[name] for name in ("trial_id", "space", "phase")},
                    "ending": "paused" if last < row["step"] else row["stop_reason"],
                    "lane": lane,
                    "sitting": 1,
                    "first_step": first,
                    "last_step": last,
                    "start_seconds": start,
                    "end_seconds": free[lane],
                }
            )
    return stretches


def _decisions(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What became of the search's trials at the rung."""
    return [
        {
            "trial_id": row["trial_id"],
            "space": row["space"],
            "rung": RUNG * EVAL_EVERY,
            "seconds": float(number),
            "score": row["best_miou"],
            "cutoff": 0.3,
            "outcome": "stopped" if row["stop_reason"] == "pruned" else "promoted",
        }
        for number, row in enumerate(rows)
        if row["phase"] == "search" and row["step"] >= RUNG * EVAL_EVERY
    ]


def _groups() -> tuple[str, ...]:
    return tuple(f"photo-{number:02d}" for number in range(GROUPS))


def _confusion(accuracy: float, generator: np.random.Generator) -> NDArray[np.int64]:
    """Pixels by truth and prediction in each group: (GROUPS, C, C)."""
    classes = len(CLASSES)
    shares = np.full((classes, classes), (1 - accuracy) / (classes - 1))
    np.fill_diagonal(shares, accuracy)
    return np.asarray(generator.multinomial(5_000, shares, size=(GROUPS, classes)), dtype=np.int64)


def _curves(rows: list[dict[str, Any]], curves: list[NDArray[np.float64]], generator: np.random.Generator) -> Any:
    """The table of evaluations: as many metrics as a real search reports."""
    import pandas as pd

    evaluations = len(curves[0])
    repeated = {name: np.repeat([row[name] for row in rows], evaluations) for name in ("trial_id", "space", "phase")}
    miou = np.concatenate(curves)
    steps = np.tile(np.arange(1, evaluations + 1) * EVAL_EVERY, len(rows))
    metrics = {
        "best_miou": np.concatenate([np.maximum.accumulate(scores) for scores in curves]),
        "loss": 2 - miou,
        "mask_ratio": generator.uniform(0.4, 0.9, len(miou)),
        "steps_per_second": np.full(len(miou), 4.0),
        "train_seconds": steps / 4.0,
    }
    for index, name in enumerate(CLASSES):
        metrics[iou_name(index, name)] = np.clip(miou + generator.normal(0, 0.05, len(miou)), 0, 1)
        metrics[pseudo_share_name(index, name)] = np.full(len(miou), 1 / len(CLASSES))
        metrics[pseudo_precision_name(index, name)] = np.clip(miou + 0.1, 0, 1)
    return curves_frame(pd.DataFrame({**repeated, "step": steps, "miou": miou, **metrics}))


def _settings(spaces: dict[str, Space], trials: int, evaluations: int) -> dict[str, Any]:
    return {
        "name": "large",
        "created": "2026-01-02T03:04:05+00:00",
        "spaces": {
            name: {
                "baseline": space.baseline.model_dump(mode="json"),
                "parameters": [parameter.model_dump(mode="json") for parameter in space.parameters],
            }
            for name, space in spaces.items()
        },
        "trials_per_space": trials // len(spaces),
        "max_steps": evaluations * EVAL_EVERY,
        "eval_every": EVAL_EVERY,
        "rungs": [RUNG * EVAL_EVERY],
        "scheduler": "asha",
        "search_alg": "tpe",
        "seed": 0,
        "finalist_seeds": list(SEEDS),
        "data": {
            "description": "made up",
            "split_by": "photo",
            "classes": [{"name": name, "colour": [20 * index, 60, 200]} for index, name in enumerate(CLASSES)],
            "images": {"train": 40, "validation": 8, "test": GROUPS},
        },
        "encoder_weights": "none",
        "equal_starts": True,
        "device": {"description": "made up", "cpus_per_trial": 1, "gpus_per_trial": 0},
        "versions": {},
    }
