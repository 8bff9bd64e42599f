"""What self-training gains over supervised training alone, with few labels and at equal steps.

    python -m benchmarks.selftraining_gain --data DIR --encoder-weights mobilenet_v2=PATH --work FILE

A few training photos keep their labels, the others lose them. Each arm trains on these with the same seeds, as often
and as long, and is evaluated on the whole test part; arms differ in what they do with the unlabelled images alone.
"""

import argparse
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmarks.few_labels import add_few_labels_options, chosen_sizes, few_labels, run_key
from benchmarks.reporting import benchmark_parser, report
from benchmarks.resumable_runs import add_record, finished_records, records_of
from benchmarks.selftraining_runs import OPTIMISATION, SUPERVISED, Run, arms, train
from spaces.command_line import EXIT_DONE, run_command
from spaces.complaints import first_complaint
from spaces.configuration import TrialConfig
from spaces.errors import InputError
from spaces.loading import load_space
from spaces.option_types import positive
from spaces.space import Space

EVALUATIONS = 8
"""On the validation part, during a training; the best of them is what is tested."""


def main(words: Sequence[str]) -> int:
    """Run the trainings that `--work` does not hold yet, and print the table."""
    options = _options(words)
    runs, changes, photos = _plan(options)
    done = finished_records(options.work)
    waiting = [run for run in runs if run.key not in done]
    for number, record in enumerate(records_of(train, waiting, options.processes), start=1):
        done[record["key"]] = record
        add_record(options.work, record)
        score = record.get("error") or f"test mIoU {record['test_miou_of_best']:.4f}"
        sys.stderr.write(f"{number} of {len(waiting)}: {record['arm']}, seed {record['seed']}: {score}\n")
    report(
        f"Test mIoU with {len(photos)} labelled photos after {options.steps} steps",
        table([done[run.key] for run in runs], tuple(changes)),
        options,
        labelled_photos=", ".join(photos),
        unlabelled_images=len(runs[0].split.unlabelled),
        network=f"{options.space}, encoder from {runs[0].encoder_weights}",
        crops=f"{options.batch_size} of {options.crop_size} px at image scale {options.image_scale}",
        all_arms=_listed(OPTIMISATION),
        **{arm: _listed(changed) or "as it is" for arm, changed in changes.items()},
    )
    return EXIT_DONE


def table(records: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """One row per arm: mean and standard deviation over seeds, and what it gains over supervised training.

    The gain is the mean difference of trainings of the same seed, with half the width of its 95 % interval: Student's
    t(n - 1) times the standard deviation of the differences over sqrt(n). Points of mIoU; trainings that diverged are
    counted and left out.

    Args:
        records: What `benchmarks.selftraining_runs.train` returned.
        names: The arms, in their order.
    """
    scored = {(one["arm"], one["seed"]): one for one in records if "error" not in one}
    rows = []
    for arm in names:
        seeds = [seed for name, seed in scored if name == arm]
        row: dict[str, Any] = {"arm": arm, "seeds": len(seeds)}
        for figure, column in (("test_miou_of_best", "best"), ("test_miou_of_last", "last")):
            values = [100 * scored[arm, seed][figure] for seed in seeds]
            pairs = [seed for seed in seeds if (SUPERVISED, seed) in scored]
            gains = [100 * (scored[arm, seed][figure] - scored[SUPERVISED, seed][figure]) for seed in pairs]
            row[column] = statistics.fmean(values) if values else None
            row[f"{column} sd"] = statistics.stdev(values) if len(values) > 1 else None
            itself = arm == SUPERVISED
            row[f"{column} gain"] = None if itself or not gains else statistics.fmean(gains)
            row[f"{column} gain +-"] = None if itself else half_width(gains)
        row["mask ratio"] = statistics.fmean(scored[arm, seed]["mask_ratio"] for seed in seeds) if seeds else None
        row["diverged"] = sum(one["arm"] == arm and "error" in one for one in records)
        rows.append(row)
    return rows


def half_width(differences: Sequence[float]) -> float | None:
    """Half the width of the 95 % interval of the mean of paired differences; None for fewer than two."""
    if len(differences) < 2:
        return None
    from scipy import stats

    quantile = float(stats.t.ppf(0.975, len(differences) - 1))
    return quantile * statistics.stdev(differences) / math.sqrt(len(differences))


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = benchmark_parser("selftraining_gain", "What self-training gains over supervised training, by strategy.")
    add_few_labels_options(parser, labelled_photos=2, steps=500)
    parser.add_argument("--seeds", type=positive, default=3, metavar="N", help="trainings of each arm")
    parser.add_argument("--device", default="cpu", help="as torch names it; trainings at once share it")
    parser.add_argument("--arms", metavar="NAME[,NAME]", help="these alone, beside supervised training (all)")
    parser.add_argument("--work", metavar="FILE", type=Path, help="finished trainings, JSON lines: resumes from there")
    options = parser.parse_args(words)
    if options.quick:
        options.steps, options.seeds, options.crop_size, options.batch_size = 4, 2, 32, 2
    return options


def _plan(options: argparse.Namespace) -> tuple[list[Run], dict[str, dict[str, Any]], tuple[str, ...]]:
    """The trainings, seed by seed; what each arm changes; the labelled photos."""
    from trainables.full_training.trainer_making import check_device
    from trainables.selftraining.strategy import threshold_strategy_names

    data = few_labels(options)
    changes = _chosen_arms(options.arms, arms(threshold_strategy_names()))
    eval_every = max(1, options.steps // EVALUATIONS)
    sizes = chosen_sizes(options)
    circumstances = {
        **data.circumstances(),
        "steps": options.steps,
        "eval_every": eval_every,
        "device": check_device(options.device),
    }
    space = load_space(options.space)
    runs = [
        Run(
            arm=arm,
            config=config,
            seed=seed,
            steps=options.steps,
            eval_every=eval_every,
            source=data.source,
            split=data.split,
            encoder_weights=data.weights.describe(),
            device=options.device,
            key=run_key(config, {**circumstances, "seed": seed}),
        )
        for seed in range(options.seeds)
        for arm, changed in changes.items()
        for config in (_config(space, {**OPTIMISATION, **sizes, **changed}),)
    ]
    return runs, changes, data.photos


def _config(space: Space, changes: Mapping[str, Any]) -> TrialConfig:
    try:
        return space.fix(changes).baseline
    except ValidationError as error:
        raise InputError(f"--batch-size, --crop-size, --image-scale: {first_complaint(error)}") from None


def _chosen_arms(text: str | None, known: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    if text is None:
        return known
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise InputError(f"--arms: {name!r} is no arm; one of: {', '.join(known)}")
    return {name: changed for name, changed in known.items() if name in {SUPERVISED, *names}}


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


if __name__ == "__main__":
    run_command(main)
