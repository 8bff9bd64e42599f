"""Train random configurations of a space to their ends and keep their validation curves.

    python -m benchmarks.record_curves --data DIR --encoder-weights mobilenet_v2=PATH --curves-file FILE

`benchmarks.search_rules` judges search rules on these curves. A few training photos keep their labels, so that
self-training has something to learn from; the configurations are drawn as `--search-alg random` draws them, the
baseline is the first.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.reporting import benchmark_parser, report
from benchmarks.resumable_runs import Record, add_record, finished_records, records_of
from benchmarks.selftraining_runs import run_key, with_few_labels
from spaces.command_line import EXIT_DONE, run_command
from spaces.configuration import TrialConfig
from spaces.drawing import RandomSource
from spaces.loading import load_space
from spaces.option_types import positive
from spaces.schedule import schedule_for
from spaces.space import Space
from trainables.data.opening import DataSource
from trainables.data.source_options import add_data_options, data_source
from trainables.data.split import Split

SPLIT_SEED = 0
DRAWING_SEED = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedRun:
    """One training, as it is sent to a process.

    Attributes:
        number: Of the configuration; the baseline is 0. Also the training's seed.
        config: What is trained.
        drawn: The searched parameters' values, by the name that a sampler knows them by.
        steps: Optimiser steps.
        eval_every: Steps between evaluations on the validation part.
        validation_windows: Windows of the validation part that are evaluated, at most.
        source: The data.
        split: Which images are labelled, unlabelled, and evaluated.
        encoder_weights: Where the encoder starts, as `--encoder-weights` says it.
        key: Identifies everything above, and the data.
    """

    number: int
    config: TrialConfig
    drawn: dict[str, Any]
    steps: int
    eval_every: int
    validation_windows: int
    source: DataSource
    split: Split
    encoder_weights: str
    key: str


def main(words: Sequence[str]) -> int:
    """Run the trainings that `--curves-file` does not hold yet, and say what it holds."""
    options = _options(words)
    runs = _plan(options)
    done = finished_records(options.curves_file)
    waiting = [run for run in runs if run.key not in done]
    for ended, record in enumerate(records_of(record_run, waiting, options.processes), start=1):
        done[record["key"]] = record
        add_record(options.curves_file, record)
        sys.stderr.write(f"{ended} of {len(waiting)}: number {record['number']}, {_score(record)}\n")
    records = [done[run.key] for run in runs]
    last = [record["mious"][-1] for record in records if record["stop_reason"] == "completed"]
    report(
        f"Validation curves of {options.space}",
        [
            {
                "curves": len(records),
                "diverged": sum(record["stop_reason"] == "diverged" for record in records),
                "steps": options.steps,
                "evaluations": -(-options.steps // options.eval_every),
                "best last mIoU": max(last, default=None),
                "median last mIoU": sorted(last)[len(last) // 2] if last else None,
                "baseline's": records[0]["mious"][-1] if records[0]["mious"] else None,
                "training seconds": sum(record["train_seconds"] for record in records),
            }
        ],
        options,
        split_by=options.split_by or "auto",
        labelled_photos=options.labelled_photos,
        encoder_weights=runs[0].encoder_weights.partition("=")[0],
        crops=f"{options.batch_size} of {options.crop_size} px at image scale {options.image_scale:g}",
    )
    return EXIT_DONE


def record_run(run: RecordedRun) -> Record:
    """Train one configuration, with one thread; called in a process of its own.

    Returns:
        Flat record: number, key, drawn, steps, eval_every; `mious` of the evaluations in their order, up to where the
        training diverged; stop_reason; train_seconds.
    """
    import torch

    from trainables.compute.precision import recommended_layout
    from trainables.data.trial_data import TrialData
    from trainables.models.encoder_weights import load_encoder_states, parse_encoder_weights
    from trainables.training.divergence import DivergedError
    from trainables.training.trainer import Trainer

    torch.set_num_threads(1)
    states = load_encoder_states(parse_encoder_weights(run.encoder_weights), [run.config.encoder])
    trainer = Trainer(
        run.config,
        schedule_for(run.config, max_steps=run.steps, eval_every=run.eval_every),
        TrialData(run.source.open(), run.split, validation_windows=run.validation_windows),
        seed=run.number,
        encoder_state=states.get(run.config.encoder),
        device="cpu",
        layout=recommended_layout("cpu"),
    )
    mious: list[float] = []
    seconds, stop_reason = 0.0, "completed"
    try:
        while not trainer.finished:
            metrics = trainer.advance()
            mious.append(round(metrics["miou"], 5))
            seconds = metrics["train_seconds"]
    except DivergedError:
        stop_reason = "diverged"
    return {
        "number": run.number,
        "drawn": run.drawn,
        "steps": run.steps,
        "eval_every": run.eval_every,
        "mious": mious,
        "stop_reason": stop_reason,
        "train_seconds": round(seconds, 1),
        "key": run.key,
    }


def recorded_space(name: str, sizes: dict[str, Any], foreground: Sequence[str]) -> Space:
    """The space as it is recorded: at small sizes, on the data's classes."""
    return load_space(name).fix(sizes).for_classes(foreground)


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = benchmark_parser("record_curves", "Train random configurations to their ends and keep their curves.")
    add_data_options(parser)
    parser.add_argument("--space", default="unet", help="built-in space, or the YAML file of one")
    parser.add_argument(
        "--curves", type=positive, default=70, metavar="N", help="configurations, the baseline included"
    )
    parser.add_argument("--labelled-photos", type=positive, default=12, metavar="N", help="photos that keep labels")
    parser.add_argument("--steps", type=positive, default=216, metavar="N", help="optimiser steps of each training")
    parser.add_argument("--eval-every", type=positive, default=8, metavar="N", help="steps between evaluations")
    parser.add_argument("--validation-windows", type=positive, default=80, metavar="N", help="evaluated, at most (80)")
    parser.add_argument("--processes", type=positive, default=2, metavar="N", help="trainings at once, one thread each")
    parser.add_argument("--batch-size", type=positive, default=8, metavar="N", help="labelled crops per step")
    parser.add_argument("--crop-size", type=positive, default=64, metavar="PX", help="side of a crop, a multiple of 32")
    parser.add_argument("--image-scale", type=float, default=0.25, metavar="X", help="images are resized by this")
    parser.add_argument("--curves-file", metavar="FILE", type=Path, help="curves, JSON lines: goes on from there")
    options = parser.parse_args(words)
    if options.quick:
        options.curves, options.steps, options.eval_every, options.crop_size, options.batch_size = 3, 4, 2, 32, 2
    return options


def _plan(options: argparse.Namespace) -> list[RecordedRun]:
    from trainables.data.split import split_dataset
    from trainables.models.encoder_weights import parse_encoder_weights

    source = data_source(options)
    dataset = source.open()
    whole = split_dataset(dataset, by=options.split_by or "auto", seed=SPLIT_SEED)
    split, _ = with_few_labels(dataset, whole, options.labelled_photos)
    weights = parse_encoder_weights(options.encoder_weights or ("imagenet" if options.data else "none"))
    sizes = {
        "batch_size": options.batch_size,
        "crop_size": options.crop_size,
        "image_scale": options.image_scale,
        "multiscale": 1.0,
    }
    space = recorded_space(options.space, sizes, dataset.classes.names[1:])
    circumstances = {
        "data": dataset.fingerprint,
        "parts": [getattr(split, part).tolist() for part in ("train", "validation", "test", "unlabelled")],
        "encoder_weights": weights.content_hashes() or weights.source,
        "steps": options.steps,
        "eval_every": options.eval_every,
        "validation_windows": options.validation_windows,
    }
    draws = RandomSource(DRAWING_SEED)
    configs = [space.baseline, *(space.sample(draws) for _ in range(options.curves - 1))]
    return [
        RecordedRun(
            number=number,
            config=config,
            drawn=dict(space.suggestions_of(config)),
            steps=options.steps,
            eval_every=options.eval_every,
            validation_windows=options.validation_windows,
            source=source,
            split=split,
            encoder_weights=weights.describe(),
            key=run_key(config, {**circumstances, "seed": number}),
        )
        for number, config in enumerate(configs)
    ]


def _score(record: Record) -> str:
    return f"{record['stop_reason']} at mIoU {record['mious'][-1]:.4f}" if record["mious"] else record["stop_reason"]


if __name__ == "__main__":
    run_command(main)
