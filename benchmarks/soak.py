"""A long search of trials without training, through Ray Tune, journal and MLflow as in a real one.

    python -m benchmarks.soak

Every trial must be there once in journal and MLflow, ended, and the driver's memory must not grow beyond what the
search's own record of its evaluations takes, and Ray Tune's of its trials, which it keeps to the end.
"""

import tempfile
import threading
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.reporting import benchmark_parser, report
from spaces.command_line import EXIT_DONE, EXIT_FAILED, run_command
from spaces.option_types import positive

if TYPE_CHECKING:
    from search.settings import SearchSettings

MOST_GROWTH_KB_PER_REPORT = 8.0
"""Resident memory of the driver over the second half; the metrics of an evaluation themselves take about 2."""

RAY_KB_PER_START = 64.0
"""Ray Tune keeps about 50 of each trial that it started: configuration, last result and states as text. A trial that
pauses and goes on is two of them."""

MEMORY_EVERY_SECONDS = 0.5


def main(words: Sequence[str]) -> int:
    """Run the search, print what it took; fails where a trial was lost or counted twice."""
    parser = benchmark_parser("soak", "A long search of trials without training, through Ray, journal and MLflow.")
    parser.add_argument("--trials", type=positive, default=1000, help="trials of the search")
    options = parser.parse_args(words)
    if options.quick:
        options.trials = 24
    from search.ray_session import prepare_environment

    prepare_environment()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        row, faults = _soak(options, Path(name))
    report("A search of trials without training", [row], options, faults="; ".join(faults) or "none")
    return EXIT_FAILED if faults else EXIT_DONE


def _soak(options: Namespace, folder: Path) -> tuple[dict[str, Any], list[str]]:
    from benchmarks.formula_trainable import FormulaTrial
    from benchmarks.formula_trials import formula_settings
    from search.controller import SearchController
    from search.execution import _context
    from search.history import SearchHistory, history_of
    from search.ray_session import local_session
    from search.ray_tune import run_phase
    from search.recording import JournalRecorder
    from trainables.compute.machines import this_machine
    from trainables.journal import Journal, JournalReader, read_journal
    from trainables.tracking.search_recorder import SearchRecorder

    settings = formula_settings(options.trials, folder, "soak")
    recorder = SearchRecorder(settings.tracking_uri, search_name=settings.name)
    began = time.monotonic()
    with local_session(this_machine().cpus, 0), Journal(folder) as journal:
        recording = JournalRecorder(JournalReader(folder), settings, recorder)
        controller = SearchController(settings, SearchHistory(), journal.append, recording.take)
        controller.begin_phase("search")
        with _memory_watched(lambda: _reports(controller.history)) as memory:
            run_phase(settings, controller, _context(settings, {}), trainable=FormulaTrial)
        searched = time.monotonic() - began
        finished = controller.phase_done()
    recording.finish()
    delivered = time.monotonic() - began
    written = history_of(read_journal(folder))
    events = list(read_journal(folder))
    runs = _mlflow_runs(settings)
    growth = _growth_kb_per_report(memory)
    reports = _reports(written)
    promoted = sum(event["event"] == "promoted" for event in events)
    allowed = MOST_GROWTH_KB_PER_REPORT + RAY_KB_PER_START * (len(written.trials) + promoted) / max(1, reports)
    faults = _faults(
        options.trials,
        finished=finished,
        events=events,
        runs=runs,
        rejected=recording.rejected,
        history=written,
    )
    if not options.quick and growth > allowed:
        faults.append(f"the driver's memory grew by {growth:.1f} KB a report, not {allowed:.1f} at most")
    row = {
        "trials": len(written.trials),
        "reports": reports,
        "promoted": promoted,
        "search s": searched,
        "ms per report": 1000 * searched / max(1, reports),
        "MLflow behind s": delivered - searched,
        "MLflow runs": sum(runs.values()),
        "memory MB first": memory[0][1],
        "memory MB last": memory[-1][1],
        "growth KB/report": growth,
    }
    return row, faults


def _reports(history: Any) -> int:
    return sum(len(trial.reports) for trial in list(history.trials.values()))


@contextmanager
def _memory_watched(reports: Callable[[], int]) -> Iterator[list[tuple[int, float]]]:
    """Note (reports so far, MB of resident memory of this process) while the block lasts."""
    from benchmarks.controller_cost import process_memory_mb

    seen = [(reports(), process_memory_mb())]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(MEMORY_EVERY_SECONDS):
            seen.append((reports(), process_memory_mb()))

    thread = threading.Thread(target=watch, name="memory", daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()
        seen.append((reports(), process_memory_mb()))


def _growth_kb_per_report(memory: Sequence[tuple[int, float]]) -> float:
    """Slope of memory over reports in the second half of the reports, by least squares."""
    import numpy as np

    half = [(reports, megabytes) for reports, megabytes in memory if reports >= memory[-1][0] / 2]
    counts, megabytes = np.array(half, dtype=np.float64).T
    if np.ptp(counts) == 0:
        return 0.0
    return float(1000 * np.polyfit(counts, megabytes, 1)[0])


def _mlflow_runs(settings: "SearchSettings") -> Counter[tuple[str, str]]:
    """Runs of trials in MLflow by trial and status."""
    from mlflow import MlflowClient

    from trainables.tracking.records import EXPERIMENT, TRIAL_TAG

    client = MlflowClient(settings.tracking_uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return Counter()
    found: Counter[tuple[str, str]] = Counter()
    token = None
    while True:
        page = client.search_runs([experiment.experiment_id], max_results=1000, page_token=token)
        for run in page:
            if TRIAL_TAG in run.data.tags:
                found[run.data.tags[TRIAL_TAG], run.info.status] += 1
        token = page.token
        if not token:
            return found


def _faults(
    trials: int,
    *,
    finished: bool,
    events: Sequence[dict[str, Any]],
    runs: Counter[tuple[str, str]],
    rejected: Sequence[str],
    history: Any,
) -> list[str]:
    """What is not as it must be, a line each."""
    faults = [] if finished else ["the search did not end"]
    proposed = Counter(event["trial_id"] for event in events if event["event"] == "proposed")
    ended = Counter(event["trial_id"] for event in events if event["event"] == "ended")
    reported = Counter((event["trial_id"], event["step"]) for event in events if event["event"] == "reported")
    for what, expected, got in (
        ("trials in the journal", trials, len(proposed)),
        ("proposals", trials, sum(proposed.values())),
        ("ended trials", trials, len(ended)),
        ("endings", trials, sum(ended.values())),
        ("distinct evaluations", sum(reported.values()), len(reported)),
        ("trials in MLflow", trials, len({name for name, _ in runs})),
        ("runs in MLflow", trials, sum(runs.values())),
        ("broken trials", 0, sum(trial.stop_reason == "error" for trial in history.trials.values())),
        ("runs left RUNNING", 0, sum(count for (_, status), count in runs.items() if status == "RUNNING")),
        ("records that MLflow refused", 0, len(rejected)),
    ):
        if got != expected:
            faults.append(f"{what}: {got}, not {expected}")
    return faults


if __name__ == "__main__":
    run_command(main)
