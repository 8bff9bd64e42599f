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

from benchmarks.few_labels import FewLabelsRun, add_few_labels_options, chosen_sizes, few_labels, run_key
from benchmarks.reporting import benchmark_parser, report
from benchmarks.resumable_runs import Record, add_record, finished_records, records_of
from spaces.command_line import EXIT_DONE, run_command
from spaces.drawing import RandomSource
from spaces.loading import load_space
from spaces.option_types import positive
from spaces.space import Space

DRAWING_SEED = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedRun(FewLabelsRun):
    """One training; its seed is the number of its configuration, of which the baseline's is 0.

    Attributes:
        drawn: The searched parameters' values, by the name that a sampler knows them by.
        validation_windows: Windows of the validation part that are evaluated, at most.
    """

    drawn: dict[str, Any]
    validation_windows: int


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
    from trainables.training.divergence import DivergedError

    trainer = run.trainer(validation_windows=run.validation_windows)
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
        "number": run.seed,
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
    add_few_labels_options(parser, labelled_photos=12, steps=216)
    parser.add_argument(
        "--curves", type=positive, default=70, metavar="N", help="configurations, the baseline included"
    )
    parser.add_argument("--eval-every", type=positive, default=8, metavar="N", help="steps between evaluations")
    parser.add_argument("--validation-windows", type=positive, default=80, metavar="N", help="evaluated, at most (80)")
    parser.add_argument("--curves-file", metavar="FILE", type=Path, help="curves, JSON lines: goes on from there")
    options = parser.parse_args(words)
    if options.quick:
        options.curves, options.steps, options.eval_every, options.crop_size, options.batch_size = 3, 4, 2, 32, 2
    return options


def _plan(options: argparse.Namespace) -> list[RecordedRun]:
    data = few_labels(options)
    sizes = {**chosen_sizes(options), "multiscale": 1.0}
    space = recorded_space(options.space, sizes, data.dataset.classes.names[1:])
    circumstances = {
        **data.circumstances(),
        "steps": options.steps,
        "eval_every": options.eval_every,
        "validation_windows": options.validation_windows,
    }
    draws = RandomSource(DRAWING_SEED)
    configs = [space.baseline, *(space.sample(draws) for _ in range(options.curves - 1))]
    return [
        RecordedRun(
            config=config,
            seed=number,
            drawn=dict(space.suggestions_of(config)),
            steps=options.steps,
            eval_every=options.eval_every,
            validation_windows=options.validation_windows,
            source=data.source,
            split=data.split,
            encoder_weights=data.weights.describe(),
            key=run_key(config, {**circumstances, "seed": number}),
        )
        for number, config in enumerate(configs)
    ]


def _score(record: Record) -> str:
    return f"{record['stop_reason']} at mIoU {record['mious'][-1]:.4f}" if record["mious"] else record["stop_reason"]


if __name__ == "__main__":
    run_command(main)
