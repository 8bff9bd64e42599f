"""What searches leave behind that ran side by side, one to its end: real Ray, real models, tiny sizes."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.report import main as report_again
from search.commands import COMMANDS
from search.settings import read_settings
from tests.search.search_command import REPOSITORY, check_nothing_lost, one_network_space, start
from trainables.journal import read_journal
from trainables.tracking.uri import local_tracking_uri

pytestmark = pytest.mark.slow

TINY = ("--trials", "3", "--max-steps", "6", "--eval-every", "2", "--grace-steps", "2", "--finalist-seeds", "2")
LONG = ("--trials", "3", "--max-steps", "2000", "--eval-every", "2", "--grace-steps", "1000", "--finalist-seeds", "1")
ENDED_BY_ITSELF = {"completed", "pruned", "diverged"}


@dataclass(frozen=True)
class BothSearches:
    """Two searches that ran side by side, in one folder of runs: one to its end, one until it was told to stop.

    Attributes:
        finished: Folder of the one that ran to its end.
        output: What it printed.
        stopped: Folder of the other.
        told: What the command that stopped it said.
        told_again: What the command said after its end.
    """

    finished: Path
    output: str
    stopped: Path
    told: "subprocess.CompletedProcess[str]"
    told_again: "subprocess.CompletedProcess[str]"


def stop(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Tell the search `long` to stop, from another process."""
    command = [sys.executable, "-m", "search.stop", "--search", "long"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, with_database: Callable[[Path], Path]) -> BothSearches:
    """Run both; neither may say anything on standard error."""
    place = tmp_path_factory.mktemp("both")
    with_database(place / "runs")
    words = ["--space", one_network_space(place), "--name", "long", "--precision", "float32", *LONG]
    with start(words, place) as long, start(["--space", "unet", "--name", "done", *TINY], place) as done:
        try:
            journal = place / "runs" / "long"
            deadline = time.monotonic() + 400
            while not any(event["event"] == "reported" for event in read_journal(journal)):
                assert long.poll() is None, long.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.2)
            told = stop(place)
            for search in (long, done):
                output, errors = search.communicate(timeout=500)
                assert search.returncode == 0, output + errors
                assert errors == ""
        finally:
            long.kill()
            done.kill()
    return BothSearches(place / "runs" / "done", output, journal, told, stop(place))


@pytest.fixture(scope="module")
def finished(both: BothSearches) -> tuple[Path, str]:
    """A search that ran to its end: its folder, and what it printed."""
    return both.finished, both.output


def test_two_searches_at_once_lose_and_double_nothing(both: BothSearches) -> None:
    check_nothing_lost(both.finished)
    check_nothing_lost(both.stopped)


def test_a_search_ends_in_good_order_when_it_is_told_to_from_another_process(both: BothSearches) -> None:
    assert both.told.returncode == 0
    assert both.told.stdout.startswith("long starts nothing more")
    summary = json.loads((both.stopped / "summary.json").read_text(encoding="utf-8"))
    assert summary["finished"]
    assert summary["stopped"]
    assert set(summary["trials"]) == {"stopped"}
    assert summary["steps_spent_finals"] == 0
    assert (both.stopped / "report" / "index.html").is_file()
    assert list((both.stopped / COMMANDS).iterdir()) == []
    assert both.told_again.returncode == 2
    assert "finished" in both.told_again.stderr


def test_a_search_tells_what_it_does_and_where_things_are(finished: tuple[Path, str]) -> None:
    folder, output = finished
    lines = output.splitlines()
    assert "preset" in lines[0]
    results = pd.read_parquet(folder / "results.parquet")
    assert sum(line.endswith(" started") for line in lines) == len(results)
    assert any(line.startswith("verdict: ") for line in lines)
    report = next(line.removeprefix("report: ") for line in lines if line.startswith("report: "))
    assert (folder.parent.parent / report).is_file()
    assert any(line.startswith("MLflow UI: python -m search.ui") for line in lines)


def test_every_started_trial_has_one_row_and_one_ending(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    results = pd.read_parquet(folder / "results.parquet")
    assert results["trial_id"].is_unique
    assert set(results["stop_reason"]) <= ENDED_BY_ITSELF
    best = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["best"]["unet"]["trial_id"]
    # The best on two seeds, and the baseline too where it is not the best itself.
    assert Counter(results["phase"]) == {"search": 3, "finalist": 2 if best == "unet-000" else 4}
    endings = Counter(event["trial_id"] for event in read_journal(folder) if event["event"] == "ended")
    assert endings == dict.fromkeys(results["trial_id"], 1)
    assert results["parameters"].between(3_000_000, 4_000_000).all()
    assert results["best_miou"].between(0, 1).all()
    baseline = results[results["role"].eq("baseline") & results["phase"].eq("search")].iloc[0]
    assert baseline["step"] == 6


def test_summary_and_curves_agree_with_the_results(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    results = pd.read_parquet(folder / "results.parquet")
    curves = pd.read_parquet(folder / "curves.parquet")
    searched = results[results["phase"] == "search"]
    assert sum(summary["trials"].values()) == len(results)
    assert summary["steps_spent"] == searched["step"].sum()
    assert summary["best"]["unet"]["trial_id"] in set(searched["trial_id"])
    last = curves.sort_values("step").groupby("trial_id").last()
    assert np.allclose(last["best_miou"], results.set_index("trial_id")["best_miou"].loc[last.index])
    assert summary["decision"]["sentence"]
    assert summary["finished"]


def test_checkpoints_of_trials_that_can_not_win_are_gone(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    kept = sorted(str(path.relative_to(folder / "trials")) for path in (folder / "trials").rglob("*.pt"))
    results = pd.read_parquet(folder / "results.parquet")
    best = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["best"]["unet"]["trial_id"]
    finals = results[results["phase"] == "finalist"].groupby("role")["best_miou"]
    # The finalist, and the best run of each configuration in the finals.
    assert len(kept) == 1 + finals.ngroups
    assert str(Path(best, "best.pt")) in kept
    assert all(name.endswith("best.pt") for name in kept)


def test_mlflow_has_one_parent_and_one_run_per_trial_each_ended(finished: tuple[Path, str]) -> None:
    from mlflow import MlflowClient

    folder, _ = finished
    client = MlflowClient(local_tracking_uri(folder.parent))
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = [run for run in client.search_runs(experiments, max_results=100) if run.data.tags["search"] == "done"]
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    results = pd.read_parquet(folder / "results.parquet").set_index("trial_id")
    assert sorted(run.data.tags["trial_id"] for run in children) == sorted(results.index)
    assert len(runs) == len(children) + 1
    assert {run.info.status for run in runs} == {"FINISHED"}
    for child in children:
        row = results.loc[child.data.tags["trial_id"]]
        assert child.data.tags["stop_reason"] == row["stop_reason"]
        assert child.data.metrics["best_miou"] == pytest.approx(row["best_miou"])


def test_the_report_can_be_made_again_from_mlflow_alone(finished: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = finished
    words = ["--search", "done", "--runs", str(tmp_path), "--tracking-uri", local_tracking_uri(folder.parent)]
    assert report_again(words) == 0
    rebuilt = json.loads(next(tmp_path.rglob("decision.json")).read_text(encoding="utf-8"))
    original = json.loads((folder / "report" / "decision.json").read_text(encoding="utf-8"))
    assert rebuilt["sentence"] == original["sentence"]


def test_the_layout_is_measured_told_and_kept(finished: tuple[Path, str]) -> None:
    folder, output = finished
    layouts = read_settings(folder).layouts
    assert set(layouts) == {"unet"}
    chosen = layouts["unet"]
    assert (chosen.precision, chosen.channels_last) in {(m.precision, m.channels_last) for m in chosen.measured}
    assert output.count("layout of unet: ") == 1
    assert f"layout of unet: {chosen.line()}" in output
    assert output.index("layout of unet: ") < output.index("unet-000 started")
