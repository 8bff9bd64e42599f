"""A small search, made up but whole: what the tests of the analysis, its figures and its report work on."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from analysis.compute_tables import decisions_frame, stretches_frame
from analysis.results import Panel, SearchResults, TestEvaluation
from analysis.tables import CONFIG_PREFIX, costs_frame, curves_frame, results_frame
from spaces.configuration import TrialConfig
from trainables.metric_names import iou_name, pseudo_share_name

CLASSES = (
    ("__background__", (0, 0, 0)),
    ("Badan Air", (255, 50, 50)),
    ("Bangunan", (255, 225, 50)),
    ("Snake Fruit", (50, 167, 255)),
)
GROUPS = tuple(f"capture-1/DJI_{number:04d}" for number in range(1, 9))
SEEDS = (0, 1, 2)
MAX_STEPS = 120
EVAL_EVERY = 20
RUNG = 40
SOURCES = {"baseline": 0, "best": 1, "best-2": 2}
"""Number of the trial that a finalist of each role repeats."""


@dataclass(frozen=True)
class ExampleSpace:
    name: str
    encoder: str
    accuracy: float  # share of pixels that its best finalist gets right
    parameters: float
    latency_ms: float


SPACES = (
    ExampleSpace("unet", "mobilenet_v2", 0.86, 3_499_541, 21.0),
    ExampleSpace("deeplabv3plus", "resnet50", 0.87, 40_352_181, 130.0),
    ExampleSpace("unetplusplus", "mobilenet_v2", 0.80, 6_800_000, 55.0),
)


def confusion_matrices(accuracy: float, *, groups: int, seed: int, pixels: int = 4000) -> NDArray[np.int64]:
    """Pixels by truth and prediction: `accuracy` of each class right, the rest spread over the others."""
    generator = np.random.default_rng(seed)
    classes = len(CLASSES)
    shares = np.array([0.35, 0.05, 0.2, 0.4])
    spread = np.full((classes, classes), (1 - accuracy) / (classes - 1))
    np.fill_diagonal(spread, accuracy)
    matrices = np.zeros((groups, classes, classes), dtype=np.int64)
    for group in range(groups):
        truth = generator.multinomial(pixels, shares)
        for index, count in enumerate(truth):
            matrices[group, index] = generator.multinomial(count, spread[index])
    return matrices


def make_evaluations(
    accuracies: dict[tuple[str, str], float],
    *,
    seeds: tuple[int, ...] = SEEDS,
    groups: tuple[str, ...] = GROUPS,
    seed_spread: float = 0.004,
) -> tuple[TestEvaluation, ...]:
    """Finalists' evaluations for (space, role) -> accuracy; the seeds differ by about `seed_spread`."""
    evaluations = []
    for (space, role), accuracy in accuracies.items():
        for seed in seeds:
            noise = np.random.default_rng([seed, len(space), len(role)]).normal(0, seed_spread)
            evaluations.append(
                TestEvaluation(
                    trial_id=f"{space}-{role}-seed{seed}",
                    space=space,
                    role=role,
                    seed=seed,
                    groups=groups,
                    confusion=confusion_matrices(min(accuracy + noise, 0.999), groups=len(groups), seed=seed),
                    boundary_miou=accuracy / 2,
                    calibration_error=(1 - accuracy) / 4,
                )
            )
    return tuple(evaluations)


def make_results(
    *,
    spaces: tuple[str, ...] = ("unet", "deeplabv3plus", "unetplusplus"),
    seeds: tuple[int, ...] = SEEDS,
    groups: tuple[str, ...] = GROUPS,
    class_names: tuple[str, ...] | None = None,
    accuracies: dict[tuple[str, str], float] | None = None,
    finalists: bool = True,
    ranks: int = 1,
    equal_starts: bool = True,
) -> SearchResults:
    """Make a search of four trials per space, and its finalists on `seeds`.

    Args:
        spaces: Some of the names in `SPACES`.
        seeds: Seeds of the finalists.
        groups: Photos of the test part.
        class_names: Names instead of those in `CLASSES`, background first (to test escaping, for example).
        accuracies: Share of right pixels by (space, role), instead of the spaces' own.
        finalists: False for a search that was interrupted before them.
        ranks: Configurations of each space that were re-run besides the baseline, at most 2.
        equal_starts: What the settings say of the encoders' starts.
    """
    names = class_names or tuple(name for name, _ in CLASSES)
    chosen = tuple(space for space in SPACES if space.name in spaces)
    trials: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    for space in chosen:
        for number in range(4):
            _add_search_trial(trials, curves, space, number, names)
    tests: tuple[TestEvaluation, ...] = ()
    if finalists:
        given = accuracies or {}
        shares = {
            (space.name, role): given.get((space.name, role), space.accuracy - loss)
            for space in chosen
            for role, loss in (("best", 0.0), ("best-2", 0.01), ("baseline", 0.05))
            if role != "best-2" or ranks > 1
        }
        tests = make_evaluations(shares, seeds=seeds, groups=groups)
        for test in tests:
            space = next(space for space in chosen if space.name == test.space)
            source = f"{space.name}-{SOURCES[test.role]}"
            row = next(row for row in trials if row["trial_id"] == source)
            identity = {"trial_id": test.trial_id, "phase": "finalist", "role": test.role, "seed": test.seed}
            trials.append({**row, **identity, "source_trial_id": source, "stop_reason": "completed"})
            curve_of = {"trial_id": test.trial_id, "space": space.name, "phase": "finalist"}
            _add_curve(curves, curve_of, row["best_miou"], MAX_STEPS, names)
    table = results_frame(trials)
    return SearchResults(
        settings=_settings(chosen, seeds, names, equal_starts),
        trials=table,
        curves=curves_frame(curves),
        tests=tests,
        costs=costs_frame(table),
        panels=(Panel("unet_best", "unet, best trial: image, truth and prediction", _png()),),
        stretches=stretches_frame(_stretches(table)),
        decisions=decisions_frame(_decisions(table)),
    )


def with_validation(results: SearchResults, miou_of: Mapping[str, float]) -> SearchResults:
    """The same results with the curves of some trials at one level throughout, by trial_id."""
    trials, curves = results.trials.copy(), results.curves.copy()
    for trial_id, miou in miou_of.items():
        trials.loc[trials["trial_id"] == trial_id, "best_miou"] = miou
        curves.loc[curves["trial_id"] == trial_id, "miou"] = miou
    return replace(results, trials=trials, curves=curves)


def _stretches(trials: Any) -> list[dict[str, Any]]:
    """Two workers that take the trials in turn; those of the search wait once at their first rung."""
    rows: list[dict[str, Any]] = []
    free = [0.0, 0.0]
    for number, trial in enumerate(trials.to_dict("records")):
        lane = number % 2
        rung = RUNG if trial["phase"] == "search" and trial["step"] > RUNG else 0
        for first, last in ((0, rung), (rung, trial["step"])):
            if first == last and trial["step"]:
                continue
            start, free[lane] = free[lane], free[lane] + 1.0 + (last - first) / 4.0
            rows.append(
                {
                    "trial_id": trial["trial_id"],
                    "space": trial["space"],
                    "phase": trial["phase"],
                    "ending": "paused" if last < trial["step"] else trial["stop_reason"],
                    "lane": lane,
                    "sitting": 1,
                    "first_step": first,
                    "last_step": last,
                    "start_seconds": start,
                    "end_seconds": free[lane],
                }
            )
            if not trial["step"]:
                break
    return rows


def _decisions(trials: Any) -> list[dict[str, Any]]:
    """At the first rung every trial that reached it paused and then went on, but for those stopped there."""
    searched = trials[(trials["phase"] == "search") & (trials["step"] >= RUNG) & (trials["role"] != "baseline")]
    return [
        {
            "trial_id": trial["trial_id"],
            "space": trial["space"],
            "rung": RUNG,
            "seconds": 10.0,
            "score": 0.5 * trial["best_miou"],
            "cutoff": 0.2,
            "outcome": "stopped" if trial["stop_reason"] == "pruned" else "promoted",
        }
        for trial in searched.to_dict("records")
    ]


def _add_search_trial(
    trials: list[dict[str, Any]],
    curves: list[dict[str, Any]],
    space: ExampleSpace,
    number: int,
    names: tuple[str, ...],
) -> None:
    """Trial 0 is the baseline, 1 the best, 2 is pruned, 3 diverges before its first evaluation."""
    stop_reason = ("completed", "completed", "pruned", "diverged")[number]
    steps = (MAX_STEPS, MAX_STEPS, 3 * EVAL_EVERY, 0)[number]
    config = TrialConfig.model_validate(
        {
            "architecture": space.name,
            "encoder": space.encoder,
            "learning_rate": 3e-4 * (number + 1),
            "selftraining_weight": 1.5 / (number + 1),
            "threshold_base": 0.5 + 0.1 * number,
            "optimizer": "adamw" if number == 2 else "sgd",
            "cutmix": number == 1,
        }
    )
    trial_id = f"{space.name}-{number}"
    best_miou = space.accuracy - (0.15, 0.1, 0.3, 0.0)[number]
    curve_of = {"trial_id": trial_id, "space": space.name, "phase": "search"}
    last = _add_curve(curves, curve_of, best_miou, steps, names)
    trials.append(
        {
            "trial_id": trial_id,
            "space": space.name,
            "phase": "search",
            "role": "baseline" if number == 0 else "proposed",
            "seed": 0,
            "stop_reason": stop_reason,
            "error": "loss became NaN at step 7" if stop_reason == "diverged" else "",
            **{CONFIG_PREFIX + name: value for name, value in config.model_dump().items()},
            **last,
            "step": steps,
            "parameters": space.parameters,
            "macs": space.parameters * 1000,
            "checkpoint_mb": space.parameters * 4 / 1e6,
            "latency_ms_p50": space.latency_ms,
            "latency_ms_p90": space.latency_ms * 1.1,
            "throughput_img_s": 1500 / space.latency_ms,
            "peak_memory_mb": 300 + space.parameters / 1e5,
        }
    )


def _add_curve(
    curves: list[dict[str, Any]],
    identity: dict[str, str],
    best_miou: float,
    steps: int,
    names: tuple[str, ...],
) -> dict[str, Any]:
    """Append a rising curve that ends at `best_miou`; return its last metrics (none without a step)."""
    metrics: dict[str, Any] = {}
    for step in range(EVAL_EVERY, steps + 1, EVAL_EVERY):
        miou = best_miou * (0.4 + 0.6 * step / steps)
        metrics = {
            "miou": miou,
            "best_miou": miou,
            **{iou_name(index, name): miou + 0.02 * index for index, name in enumerate(names)},
            **{pseudo_share_name(index, name): 1 / len(names) for index, name in enumerate(names)},
            "loss": 2.0 - miou,
            "loss_supervised": 1.5 - miou,
            "loss_selftraining": 0.5,
            "mask_ratio": 0.5 + 0.3 * step / steps,
            "learning_rate": 3e-4 * (1 - step / (steps + 1)),
            "steps_per_second": 4.0,
            "images_seen": float(step * 32),
            "train_seconds": step / 4.0,
            "evaluation_seconds": step / 40.0,
        }
        curves.append({**identity, "step": step, **metrics})
    return metrics


def _settings(
    chosen: tuple[ExampleSpace, ...], seeds: tuple[int, ...], names: tuple[str, ...], equal_starts: bool
) -> dict[str, Any]:
    colours = [colour for _, colour in CLASSES]
    return {
        "name": "example",
        "created": "2026-01-02T03:04:05+00:00",
        "preset": "demo",
        "spaces": {
            space.name: {
                "baseline": TrialConfig.model_validate(
                    {"architecture": space.name, "encoder": space.encoder}
                ).model_dump(),
                "parameters": [
                    "learning_rate",
                    "selftraining_weight",
                    "threshold_base",
                    "optimizer",
                    "cutmix",
                ],
            }
            for space in chosen
        },
        "trials_per_space": 4,
        "max_steps": MAX_STEPS,
        "eval_every": EVAL_EVERY,
        "grace_steps": 40,
        "reduction_factor": 3,
        "rungs": [RUNG, MAX_STEPS],
        "scheduler": "asha",
        "search_alg": "tpe",
        "seed": 0,
        "finalist_seeds": list(seeds),
        "data": {
            "description": "example data",
            "root": None,
            "fingerprint": "0123456789abcdef",
            "split_by": "photo",
            "classes": [
                {"name": name, "colour": list(colours[index % len(colours)])} for index, name in enumerate(names)
            ],
            "images": {"train": 40, "validation": 8, "test": 8, "unlabelled": 100},
            "floor_miou": {"majority_class": 0.4 / 3},
        },
        "encoder_weights": "none",
        "equal_starts": equal_starts,
        "device": {
            "description": "example CPU",
            "cpus_per_trial": 1,
            "gpus_per_trial": 0,
            "concurrent_trials": 2,
        },
        "versions": {"segpareto": "0.1.0", "torch": "2.14.1"},
    }


def _png() -> bytes:
    gradient = np.linspace(0, 255, 48, dtype=np.uint8)
    picture = Image.fromarray(np.broadcast_to(gradient[None, :, None], (16, 48, 3)).copy())
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
