"""How fast the Trainer trains: against a bare loop of its arithmetic, and against the recipe written down plainly.

    python -m benchmarks.training_step

Contenders take blocks of steps in turn, so that other work on the machine slows all of them, and each ratio is the
median over rounds of two blocks that ran one after the other. Peak memory is that of a process of its own, the data
included, the loader's processes not.
"""

import json
import statistics
import subprocess
import sys
from argparse import SUPPRESS, Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from benchmarks.contender_names import BARE, CONTENDERS, PLAIN, TRAINER
from benchmarks.reporting import benchmark_parser, names_among, report
from spaces.command_line import EXIT_DONE, run_command
from spaces.option_types import not_negative, positive

BATCH = {"unet": 4, "deeplabv3plus": 2}
"""Labelled crops of a step, for minutes of benchmark; as many unlabelled ones come with them."""

MOST_SLOWER_THAN_BARE = 1.03
LEAST_FASTER_THAN_PLAIN = 2.0


def main(words: Sequence[str]) -> int:
    """Measure, print the table."""
    options = _options(words)
    import torch

    torch.set_num_threads(options.threads)
    if options.peak_of is not None:
        sys.stdout.write(json.dumps(_own_peak_mb(options)) + "\n")
        return EXIT_DONE
    rows: list[dict[str, Any]] = []
    findings: dict[str, Any] = {}
    for model in options.models:
        timings = _timings(model, options)
        rows += [_row(model, name, timings[name], options) for name in CONTENDERS]
        slower = _ratio(timings[TRAINER], timings[BARE])
        faster = _ratio(timings[PLAIN], timings[TRAINER])
        findings[f"{model}_trainer_over_bare_loop"] = slower
        findings[f"{model}_plain_recipe_over_trainer"] = faster
        findings[f"{model}_bounds_kept"] = slower <= MOST_SLOWER_THAN_BARE and faster >= LEAST_FASTER_THAN_PLAIN
    report(
        f"Training steps at {options.size} px, {options.threads} threads, {options.workers} loader processes", rows,
        options, **findings,
    )  # fmt: skip
    return EXIT_DONE


def _options(words: Sequence[str]) -> Namespace:
    parser = benchmark_parser("training_step", "How fast the Trainer trains, against two other ways to do the same.")
    parser.add_argument(
        "--models",
        type=names_among("--models", BATCH),
        default=tuple(BATCH),
        help="spaces, commas between (default: unet,deeplabv3plus)",
    )
    parser.add_argument("--size", type=positive, default=256, help="side of a crop, px (default: 256)")
    parser.add_argument("--batch", type=positive, help="labelled crops of a step (default: 4, for deeplabv3plus 2)")
    parser.add_argument("--threads", type=positive, default=1, help="threads that compute (default: 1)")
    parser.add_argument(
        "--workers", type=not_negative, default=1, help="processes that load data for the Trainer (default: 1)"
    )
    parser.add_argument("--block", type=positive, default=8, help="steps between two readings (default: 8)")
    parser.add_argument("--rounds", type=positive, default=5, help="blocks of each contender (default: 5)")
    parser.add_argument("--peak-of", choices=CONTENDERS, help=SUPPRESS)
    options = parser.parse_args(words)
    if options.quick:
        options.size, options.batch, options.block, options.rounds = 64, 2, 1, 2
    return options


def _batch(model: str, options: Namespace) -> int:
    return int(options.batch or BATCH[model])


def _timings(model: str, options: Namespace) -> dict[str, list[tuple[float, float]]]:
    """(Seconds, seconds of them spent waiting for data) of each contender's blocks, round by round."""
    from benchmarks.training_contenders import contender, make_task

    task = make_task(model, size=options.size, batch=_batch(model, options), block=options.block)
    with ExitStack() as stack:
        running = {name: stack.enter_context(contender(name, task, workers=options.workers)) for name in CONTENDERS}
        for one in running.values():
            one.run_block()
        rounds = [{name: one.run_block() for name, one in running.items()} for _ in range(options.rounds)]
    return {name: [blocks[name] for blocks in rounds] for name in CONTENDERS}


def _ratio(slow: list[tuple[float, float]], fast: list[tuple[float, float]]) -> float:
    return statistics.median(a[0] / b[0] for a, b in zip(slow, fast, strict=True))


def _row(model: str, name: str, timings: list[tuple[float, float]], options: Namespace) -> dict[str, Any]:
    seconds = statistics.median(block[0] for block in timings) / options.block
    batch = _batch(model, options)
    return {
        "model": model,
        "contender": name,
        "crops": f"{batch}+{batch}",
        "steps/s": 1 / seconds,
        "images/s": 2 * batch / seconds,
        "data wait %": 100 * sum(block[1] for block in timings) / sum(block[0] for block in timings),
        "peak memory MB": _peak_mb(model, name, options),
    }


def _peak_mb(model: str, name: str, options: Namespace) -> float:
    """Peak memory of a block of steps in a fresh process."""
    words = ["--peak-of", name, "--models", model, "--threads", str(options.threads)]
    words += ["--workers", str(options.workers), "--size", str(options.size), "--batch", str(_batch(model, options))]
    command = [sys.executable, "-m", "benchmarks.training_step", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise RuntimeError(f"measuring the memory of {name} failed: {done.stderr.strip()}")
    return float(json.loads(done.stdout.splitlines()[-1]))


def _own_peak_mb(options: Namespace) -> float:
    from benchmarks.training_contenders import contender, make_task
    from trainables.compute.process_memory import peak_process_memory_mb

    model = options.models[0]
    task = make_task(model, size=options.size, batch=_batch(model, options), block=options.block)
    with contender(options.peak_of, task, workers=options.workers) as running:
        running.run_block()
        return peak_process_memory_mb()


if __name__ == "__main__":
    run_command(main)
