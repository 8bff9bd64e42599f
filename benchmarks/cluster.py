"""Whether a search on a cluster loses anything when a node vanishes in its midst and another joins.

    python -m benchmarks.cluster

Three nodes on this machine, each with processes and an address of its own, checkpoints on an S3 server. The trials
follow a formula instead of training, so that only the harness counts. When a quarter of them has ended, a node is
killed as a spot machine goes; seconds later another joins. What is then in the journal, the results, the
checkpoints and MLflow is counted, and the best trial is compared with those of undisturbed searches on one node. Linux
only.
"""

import os
import secrets
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.reporting import benchmark_parser, report
from spaces.command_line import EXIT_DONE, EXIT_FAILED, run_command
from spaces.errors import InputError
from spaces.option_types import not_negative, positive

if TYPE_CHECKING:
    from benchmarks.cluster_nodes import Cluster, Node
    from benchmarks.cluster_trainable import CheckpointedFormulaTrial
    from search.controller import SearchController
    from search.settings import SearchSettings
    from trainables.journal import Event

NODES = 3

JOINS_AFTER_SECONDS = 2.0

Watch = Callable[["SearchController"], None]
"""Does something to the cluster while a search runs."""


def main(words: Sequence[str]) -> int:
    """Run the searches, print the table; fails where anything was lost, doubled or left over."""
    parser = benchmark_parser("cluster", "Whether a search survives the loss of a node and uses one that joins.")
    parser.add_argument("--trials", type=positive, default=24, help="of each search (default: 24)")
    parser.add_argument("--references", type=not_negative, default=8, help="searches on one node (default: 8)")
    options = parser.parse_args(words)
    if sys.platform != "linux":
        raise InputError("benchmarks.cluster: Ray's clusters are Linux only; run it there")
    if options.quick:
        options.trials, options.references = 9, 1
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="segpareto-cluster-")))
        return _run(options, place)


def _run(options: Namespace, place: Path) -> int:
    from benchmarks.cluster_nodes import cluster
    from benchmarks.fault_audit import audit
    from benchmarks.s3_server import KEYS, s3_server
    from search.ray_session import prepare_environment

    prepare_environment()
    # Imports Ray, which reads its switches then.
    from benchmarks.cluster_trainable import LongFormulaTrial, ShortFormulaTrial

    os.environ.update(KEYS)
    # Ray takes a process's token up once.
    token = os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    regrets = []
    with cluster(token, KEYS) as made:
        made.start_node(cpus=NODES)
        for seed in range(options.references):
            settings = _settings(options, place, f"one-node-{seed}", str(place / f"one-node-{seed}" / "trials"), seed)
            regrets.append(_regret(run_on_cluster(settings, place, made.address, ShortFormulaTrial)))
            _say(f"one node, seed {seed}: regret {regrets[-1]:.4f}")
    with s3_server("checkpoints") as s3, cluster(token, KEYS) as made:
        nodes = [made.start_node(cpus=1) for _ in range(NODES)]
        settings = _settings(options, place, "cluster", s3.uri("cluster/trials"), options.references)
        events = run_on_cluster(settings, place, made.address, LongFormulaTrial, _lose_and_join(made, nodes, options))
        found = audit(place / settings.name, settings.tracking_uri)
    wrong = {name: getattr(found, name) for name in ("lost", "duplicated", "left_running", "left_over")}
    regret = _regret(events)
    findings: dict[str, Any] = {**wrong, **_continued(events, settings), "regret": regret}
    if regrets:
        findings["regret_on_one_node"] = f"{min(regrets):.4f} to {max(regrets):.4f}"
    report("A search whose node vanished", _node_rows(events), options, **findings)
    return EXIT_FAILED if any(wrong.values()) else EXIT_DONE


def _settings(options: Namespace, place: Path, name: str, storage: str, seed: int) -> "SearchSettings":
    from benchmarks.formula_trials import formula_settings

    settings = formula_settings(options.trials, place, name)
    device = settings.device.model_copy(update={"concurrent_trials": NODES})
    return settings.model_copy(update={"storage": storage, "seed": seed, "device": device})


def run_on_cluster(
    settings: "SearchSettings",
    place: Path,
    address: str,
    trainable: "type[CheckpointedFormulaTrial]",
    watch: "Watch | None" = None,
) -> "list[Event]":
    """Run a search on a cluster; returns its journal.

    Args:
        settings: The search.
        place: Its folder is made below.
        address: The cluster's; RAY_AUTH_TOKEN must be its token.
        trainable: What stands for training.
        watch: Run beside it in a thread.

    Raises:
        RuntimeError: If the search did not end.
    """
    from search.checkpoints import CheckpointCleaner
    from search.controller import SearchController
    from search.execution import _context
    from search.history import SearchHistory
    from search.outputs import now_ms, write_tables
    from search.ray_health import watching_ray
    from search.ray_session import cluster_session
    from search.ray_tune import run_phase
    from search.recording import JournalRecorder
    from search.settings import write_settings
    from trainables.checkpoint_store import open_store
    from trainables.journal import Journal, JournalReader, read_journal
    from trainables.tracking.search_recorder import SearchRecorder

    folder = place / settings.name
    folder.mkdir()
    write_settings(settings, folder)
    recorder = SearchRecorder(settings.tracking_uri, search_name=settings.name)
    history = SearchHistory()
    cleaner = CheckpointCleaner(open_store(settings.storage), settings, history)
    died: list[str] = []
    with cluster_session(address), watching_ray(lambda dead, _: died.append(dead)), Journal(folder) as journal:
        recording = JournalRecorder(JournalReader(folder), settings, recorder)

        def tell(event: "Event") -> None:
            recording.take(event)
            cleaner.take(event)

        controller = SearchController(settings, history, journal.append, tell)
        controller.begin_phase("search")
        with _watching(watch, controller):
            run_phase(settings, controller, _context(settings, {}), trainable=trainable)
        if not controller.phase_done() or died:
            raise RuntimeError(f"the search did not end: {died}")
    cleaner.clean()
    recording.finish().close_search("finished", now_ms())
    write_tables(folder, history)
    return list(read_journal(folder))


@contextmanager
def _watching(watch: "Watch | None", controller: "SearchController") -> Iterator[None]:
    if watch is None:
        yield
        return
    thread = threading.Thread(target=watch, args=(controller,), name="faults", daemon=True)
    thread.start()
    yield
    thread.join()


def _lose_and_join(made: "Cluster", nodes: "list[Node]", options: Namespace) -> "Watch":
    """Kill the last node in the midst of a trial when a quarter has ended; seconds later another joins."""

    def watch(controller: "SearchController") -> None:
        while not _runs_a_trial(controller, NODES) or _ended(controller) < options.trials / 4:
            time.sleep(0.1)
        nodes[-1].kill()
        _say(f"killed {nodes[-1].address}")
        time.sleep(JOINS_AFTER_SECONDS)
        _say(f"joined: {made.start_node(cpus=1).address}")

    return watch


def _ended(controller: "SearchController") -> int:
    return sum(trial.ended for trial in list(controller.history.trials.values()))


def _runs_a_trial(controller: "SearchController", node: int) -> bool:
    """Whether a trial that goes on has made evaluations on a node."""
    from benchmarks.cluster_trainable import NODE

    for trial in list(controller.history.trials.values()):
        reports = list(trial.reports.values())
        if reports and not trial.ended and not trial.paused and reports[-1][NODE] == node:
            return True
    return False


def _continued(events: "list[Event]", settings: "SearchSettings") -> dict[str, Any]:
    """How trials whose process vanished went on."""
    from benchmarks.cluster_trainable import BEGAN_AT, NODE

    latest: dict[str, Event] = {}
    paused: set[str] = set()
    moved = repeated = 0
    waited = 0.0
    for event in events:
        trial_id = event.get("trial_id", "")
        if event["event"] == "promoted":
            paused.add(trial_id)
        if event["event"] != "reported":
            continue
        before = latest.get(trial_id, event)
        if before["metrics"][NODE] != event["metrics"][NODE] and trial_id not in paused:
            moved += 1
            repeated = max(repeated, (before["step"] - int(event["metrics"][BEGAN_AT])) // settings.eval_every)
            waited = max(waited, event["time"] - before["time"])
        paused.discard(trial_id)
        latest[trial_id] = event
    return {
        "trials_moved_by_the_loss": moved,
        "journaled_evaluations_repeated": repeated,
        "seconds_from_evaluation_to_evaluation_across_it": waited,
    }


def _node_rows(events: "list[Event]") -> list[dict[str, Any]]:
    """What ran on each node, and when."""
    from benchmarks.cluster_trainable import NODE

    began = events[0]["time"]
    evaluations: dict[int, list[Event]] = {}
    for event in events:
        if event["event"] == "reported":
            evaluations.setdefault(int(event["metrics"][NODE]), []).append(event)
    return [
        {
            "node": f"127.0.0.{number}" if number > 1 else "head",
            "trials": len({event["trial_id"] for event in reports}),
            "evaluations": len(reports),
            "first after s": reports[0]["time"] - began,
            "last after s": reports[-1]["time"] - began,
        }
        for number, reports in sorted(evaluations.items())
    ]


def _regret(events: "list[Event]") -> float:
    """How much less than the best there could be the search's best trial comes to, without noise."""
    from benchmarks.formula_trials import BEST_END, formula_end
    from spaces.configuration import TrialConfig

    reports = [event for event in events if event["event"] == "reported"]
    best = max(reports, key=lambda event: float(event["metrics"]["miou"]))["trial_id"]
    (config,) = [e["config"] for e in events if e["event"] == "proposed" and e["trial_id"] == best]
    return BEST_END - formula_end(TrialConfig.model_validate(config))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run_command(main)
