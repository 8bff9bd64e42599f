"""Whether a search loses anything when its processes are killed at random moments and MLflow goes away.

    python -m benchmarks.faults

Tiny real searches are killed again and again, each time resumed, until they end; what is then in the journal, the
results, the checkpoints and MLflow is counted. `driver` is the program itself, `worker` a process that trains, `raylet`
and `gcs` are Ray's own, `all` is everything at once. Every second search records on an MLflow server that goes away and
comes back; the others in a local database. Needs Linux or macOS.
"""

import contextlib
import random
import sys
import tempfile
import threading
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.fault_names import TARGETS
from benchmarks.reporting import benchmark_parser, names_among, report
from spaces.command_line import EXIT_DONE, EXIT_FAILED, run_command
from spaces.errors import InputError
from spaces.option_types import not_negative, positive

MOST_SITTINGS = 60
"""A search that has not ended after so many resumptions never will."""


@dataclass
class Tally:
    """What came of the kills of one kind.

    Attributes:
        kills: How many there were.
        exit_codes: Of searches that ended by themselves afterwards; `hung` where one did not.
        orphans: Processes that outlived their search.
        repeated: Evaluations to repeat after one kill, at most.
        loud: Searches that ended by themselves with more than one line on standard error.
    """

    kills: int = 0
    exit_codes: set[str] = field(default_factory=set)
    orphans: int = 0
    repeated: int = 0
    loud: int = 0


def main(words: Sequence[str]) -> int:
    """Kill, resume, count, print the table."""
    options = _options(words)
    if sys.platform == "win32":
        raise InputError("benchmarks.faults kills by SIGKILL, which Windows does not have")
    with contextlib.ExitStack() as stack:
        place = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="segpareto-faults-")))
        return _run(options, place)


def _run(options: Namespace, place: Path) -> int:
    from benchmarks.fault_audit import audit

    undisturbed: list[float] = []
    seconds = 0.0
    for number in range(options.references):
        began = time.monotonic()
        folder = _search(place / f"reference-{number}", options, seed=number).run_through()
        seconds = max(seconds, time.monotonic() - began)
        undisturbed.append(audit(folder, _local_uri(folder)).best_miou)
        _say(f"undisturbed, seed {number}: {seconds:.0f} s, best mIoU {undisturbed[-1]:.4f}")
    tallies = {target: Tally() for target in options.targets}
    moments = random.Random(options.seed)
    kinds = _kinds(options.targets, moments)
    audits = []
    number = outages = 0
    while sum(tally.kills for tally in tallies.values()) < options.kills:
        search = _search(place / f"killed-{number}", options, seed=number % max(1, options.references))
        search.outages = number % 2 == 1
        search.run_killed(tallies, kinds, moments, span=seconds or 60.0, options=options)
        audits.append(search.audited())
        outages += search.outages_seen
        _say(f"search {number}: {audits[-1]}")
        number += 1
    return _tell(options, tallies, audits, undisturbed, outages)


def _tell(
    options: Namespace, tallies: dict[str, Tally], audits: list[Any], undisturbed: list[float], outages: int
) -> int:
    rows = [
        {
            "killed": target,
            "kills": tally.kills,
            "exit codes": ", ".join(sorted(tally.exit_codes)) or "-",
            "more than a line": tally.loud,
            "processes left": tally.orphans,
            "evaluations repeated": tally.repeated,
        }
        for target, tally in tallies.items()
    ]
    wrong = {name: sum(getattr(found, name) for found in audits) for name in ("lost", "duplicated", "left_running")}
    wrong["checkpoints_left_over"] = sum(found.left_over for found in audits)
    bests = [found.best_miou for found in audits]
    findings: dict[str, Any] = {"searches": len(audits), "mlflow_outages": outages, **wrong}
    if undisturbed and bests:
        spread = max(undisturbed) - min(undisturbed)
        findings["best_undisturbed"] = max(undisturbed)
        findings["spread_of_undisturbed"] = spread
        findings["regret_at_most"] = max(undisturbed) - min(bests)
        findings["mean_regret"] = sum(undisturbed) / len(undisturbed) - sum(bests) / len(bests)
    report("Searches that were killed and resumed", rows, options, **findings)
    hung = any("hung" in tally.exit_codes for tally in tallies.values())
    return EXIT_FAILED if any(wrong.values()) or hung else EXIT_DONE


def _options(words: Sequence[str]) -> Namespace:
    parser = benchmark_parser("faults", "Whether a search loses anything when it is killed at random moments.")
    parser.add_argument("--kills", type=positive, default=30, help="kills in all (default: 30)")
    parser.add_argument("--per-search", type=positive, default=6, help="kills of one search at most (default: 6)")
    parser.add_argument(
        "--targets",
        type=names_among("--targets", TARGETS),
        default=TARGETS,
        help="what is killed (default: all of them in turn)",
    )
    parser.add_argument("--seed", type=not_negative, default=0, help="of the moments (default: 0)")
    parser.add_argument("--references", type=not_negative, default=2, help="undisturbed searches (default: 2)")
    parser.add_argument("--trials", type=positive, default=6, help="of each search (default: 6)")
    parser.add_argument("--steps", type=positive, default=8, help="of a full training (default: 8)")
    parser.add_argument("--folder", type=Path, help="keep everything in this folder")
    options = parser.parse_args(words)
    if options.quick:
        options.kills, options.references, options.trials, options.steps = 3, 1, 3, 6
    return options


def _kinds(targets: Sequence[str], moments: random.Random) -> Iterator[str]:
    """The targets in ever new orders, so that each has its share."""
    while True:
        yield from moments.sample(list(targets), len(targets))


def _search(folder: Path, options: Namespace, *, seed: int) -> "_KilledSearch":
    folder.mkdir(parents=True)
    sizes = ["--trials", str(options.trials), "--max-steps", str(options.steps), "--eval-every", "2"]
    # A rung at the first evaluation, so that trials pause and go on while processes die.
    sizes += ["--grace-steps", "2"]
    fixed = ["--finalist-seeds", "1", "--finalists", "1", "--precision", "float32", "--seed", str(seed)]
    return _KilledSearch(folder, ["--space", "unet", "--name", "search", "--runs", "runs", *sizes, *fixed])


class _KilledSearch:
    """One search, from its start through all that is done to it to its end."""

    def __init__(self, folder: Path, words: list[str]) -> None:
        self._folder = folder
        self._words = words
        self._server: Any = None
        self.outages = False
        self.outages_seen = 0

    @property
    def run_folder(self) -> Path:
        """The search's own folder."""
        return self._folder / "runs" / "search"

    def run_through(self) -> Path:
        """Run it undisturbed."""
        from benchmarks.fault_injection import Sitting

        sitting = Sitting.start(self._words, self._folder)
        code = sitting.process.wait()
        sitting.close()
        if code:
            raise RuntimeError(f"an undisturbed search ended with {code}: {self._errors()}")
        return self.run_folder

    def run_killed(
        self,
        tallies: dict[str, Tally],
        kinds: Iterator[str],
        moments: random.Random,
        *,
        span: float,
        options: Namespace,
    ) -> None:
        """Start, kill and resume it until it ends."""
        from benchmarks.fault_injection import MlflowServer, Sitting

        self._server = MlflowServer(self._folder) if self.outages else None
        if self._server is not None:
            self._words += ["--tracking-uri", self._server.uri]
        stop = threading.Event()
        comings = threading.Thread(target=self._come_and_go, args=(random.Random(options.seed), stop), daemon=True)
        comings.start()
        kills = 0
        try:
            for _ in range(MOST_SITTINGS):
                begun = (self.run_folder / "settings.json").is_file()
                resume = ["--resume", "--name", "search", "--runs", "runs"]
                sitting = Sitting.start(resume if begun else self._words, self._folder)
                while sitting.lives():
                    enough = kills >= options.per_search or sum(t.kills for t in tallies.values()) >= options.kills
                    if enough:
                        sitting.process.wait()
                        break
                    kills += self._kill(sitting, next(kinds), moments.uniform(0, span), tallies)
                code = sitting.process.wait()
                sitting.close()
                if code == 0:
                    return
                if kills >= options.per_search and code > 0 and self._server is None:
                    raise RuntimeError(f"a resumed search ended with {code}: {self._errors()}")
            raise RuntimeError(f"{self._folder}: the search did not end in {MOST_SITTINGS} sittings: {self._errors()}")
        finally:
            stop.set()
            comings.join()

    def audited(self) -> Any:
        """Count what is wrong, once all is delivered."""
        from benchmarks.fault_audit import audit

        if self._server is None:
            return audit(self.run_folder, _local_uri(self.run_folder))
        self._server.start()
        try:
            return audit(self.run_folder, self._server.uri)
        finally:
            self._server.kill()

    def _kill(self, sitting: Any, target: str, after: float, tallies: dict[str, Tally]) -> int:
        """Kill a target some time from now, or as soon as it is there; how many kills that were, 0 or 1."""
        began = time.monotonic()
        while sitting.lives() and time.monotonic() < began + after:
            time.sleep(0.05)
        while sitting.lives() and not sitting.kill(target):
            time.sleep(0.1)
        tally = tallies[target]
        if target == "worker":
            if sitting.lives():
                tally.kills += 1
                _say(f"  killed {target} after {time.monotonic() - began:.1f} s")
                return 1
            return 0
        code = sitting.end()
        if code == 0:
            return 0
        tally.kills += 1
        _say(f"  killed {target} after {time.monotonic() - began:.1f} s: exit code {code}")
        if target in ("raylet", "gcs"):
            tally.exit_codes.add("hung" if code is None else str(code))
            tally.loud += len(self._errors().splitlines()) != 1
        tally.orphans += sitting.orphans()
        tally.repeated = max(tally.repeated, self._to_repeat())
        return 1

    def _to_repeat(self) -> int:
        from benchmarks.fault_audit import evaluations_to_repeat

        return evaluations_to_repeat(self.run_folder)

    def _come_and_go(self, moments: random.Random, stop: threading.Event) -> None:
        """Take the MLflow server away and bring it back, once it has been reached."""
        while self._server is not None and not stop.wait(moments.uniform(5, 30)):
            if not self.run_folder.is_dir():
                continue
            self._server.kill()
            self.outages_seen += 1
            stop.wait(moments.uniform(2, 20))
            self._server.start()

    def _errors(self) -> str:
        path = self._folder / "errors.txt"
        return path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""


def _local_uri(folder: Path) -> str:
    from trainables.tracking.uri import local_tracking_uri

    return local_tracking_uri(folder.parent)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run_command(main)
