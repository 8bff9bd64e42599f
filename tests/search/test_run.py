"""The main command as a user runs it: real Ray, real models, tiny sizes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from search.run import main
from search.settings import read_settings
from spaces.command_line import run_command
from trainables.journal import read_journal
from trainables.tracking.uri import local_tracking_uri

TINY = ("--trials", "4", "--max-steps", "8", "--eval-every", "2", "--grace-steps", "2", "--finalist-seeds", "2")
REPOSITORY = Path(__file__).parents[2]
ENDED_BY_ITSELF = {"completed", "pruned", "diverged"}


def run(words: Sequence[str], folder: Path, timeout: int = 560) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "search.run", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A search that ran to its end: its folder, and what it printed."""
    folder = tmp_path_factory.mktemp("finished")
    done = run(["--space", "unet", "--name", "done", *TINY], folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder / "runs" / "done", done.stdout


@pytest.mark.slow
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


@pytest.mark.slow
def test_every_started_trial_has_one_row_and_one_ending(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    results = pd.read_parquet(folder / "results.parquet")
    assert results["trial_id"].is_unique
    assert set(results["stop_reason"]) <= ENDED_BY_ITSELF
    best = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["best"]["unet"]["trial_id"]
    # The best on two seeds, and the baseline too where it is not the best itself.
    assert Counter(results["phase"]) == {"search": 4, "finalist": 2 if best == "unet-000" else 4}
    endings = Counter(event["trial_id"] for event in read_journal(folder) if event["event"] == "ended")
    assert endings == dict.fromkeys(results["trial_id"], 1)
    assert results["parameters"].between(3_000_000, 4_000_000).all()
    assert results["best_miou"].between(0, 1).all()
    baseline = results[results["role"].eq("baseline") & results["phase"].eq("search")].iloc[0]
    assert baseline["step"] == 8


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_mlflow_has_one_parent_and_one_run_per_trial_each_ended(finished: tuple[Path, str]) -> None:
    from mlflow import MlflowClient

    folder, _ = finished
    client = MlflowClient(local_tracking_uri(folder.parent))
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, max_results=100)
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    results = pd.read_parquet(folder / "results.parquet").set_index("trial_id")
    assert sorted(run.data.tags["trial_id"] for run in children) == sorted(results.index)
    assert len(runs) == len(children) + 1
    assert {run.info.status for run in runs} == {"FINISHED"}
    for child in children:
        row = results.loc[child.data.tags["trial_id"]]
        assert child.data.tags["stop_reason"] == row["stop_reason"]
        assert child.data.metrics["best_miou"] == pytest.approx(row["best_miou"])


@pytest.mark.slow
def test_the_report_can_be_made_again_from_mlflow_alone(finished: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = finished
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "analysis.report",
            "--search",
            "done",
            "--runs",
            str(tmp_path),
            "--tracking-uri",
            local_tracking_uri(folder.parent),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rebuilt = json.loads(next(tmp_path.rglob("decision.json")).read_text(encoding="utf-8"))
    original = json.loads((folder / "report" / "decision.json").read_text(encoding="utf-8"))
    assert rebuilt["sentence"] == original["sentence"]


@pytest.mark.slow
def test_the_layout_is_measured_told_and_kept(finished: tuple[Path, str]) -> None:
    folder, output = finished
    layouts = read_settings(folder).layouts
    assert set(layouts) == {"unet"}
    chosen = layouts["unet"]
    assert (chosen.precision, chosen.channels_last) in {(m.precision, m.channels_last) for m in chosen.measured}
    assert output.count("layout of unet: ") == 1
    assert f"layout of unet: {chosen.line()}" in output
    assert output.index("layout of unet: ") < output.index("unet-000 started")


def wait_for(path: Path, text: str, process: subprocess.Popen[str], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if path.is_file() and text in path.read_text(encoding="utf-8"):
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    raise AssertionError(f"{text!r} did not appear in {path}")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_search_that_is_ended_from_outside_goes_on_where_it_was(tmp_path: Path, ending: signal.Signals) -> None:
    words = ["--space", "unet", "--name", "cut", "--trials", "2", "--max-steps", "24", "--eval-every", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "search.run", *words, "--scheduler", "none", "--finalist-seeds", "0"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    folder = tmp_path / "runs" / "cut"
    wait_for(folder / "journal.jsonl", '"reported"', process)
    # `timeout` and a service's stop ask all of its processes to end, Ray's too.
    (os.killpg if ending == signal.SIGTERM else os.kill)(process.pid, ending)
    output, errors = process.communicate(timeout=120)
    reported = {(e["trial_id"], e["step"]) for e in read_journal(folder) if e["event"] == "reported"}
    if ending != signal.SIGKILL:
        assert process.returncode == 130, errors
        assert "go on with: python -m search.run --resume --name cut" in output
        results = pd.read_parquet(folder / "results.parquet")
        assert set(results["stop_reason"]) == {"interrupted"}
        assert (folder / "report" / "index.html").is_file()
    done = run(["--resume", "--name", "cut"], tmp_path)
    assert done.returncode == 0, done.stderr
    results = pd.read_parquet(folder / "results.parquet")
    assert list(results["stop_reason"]) == ["completed", "completed"]
    assert set(results["step"]) == {24}
    events = [e for e in read_journal(folder) if e["event"] == "reported"]
    steps = Counter((e["trial_id"], e["step"]) for e in events)
    # Nothing that was reported before the end is trained again, but for what a kill may cost: one evaluation.
    assert sum(steps[key] - 1 for key in reported) <= (2 if ending == signal.SIGKILL else 0)
    from mlflow import MlflowClient

    client = MlflowClient(local_tracking_uri(folder.parent))
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()], max_results=100)
    assert len(runs) == 3
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_a_dry_run_prints_the_plan_and_writes_nothing(tmp_path: Path) -> None:
    done = run(["--space", "all", "--dry-run", "--trials", "9"], tmp_path)
    assert done.returncode == 0, done.stderr
    for word in ("9 trials each", "rungs at", "saved", "MB of checkpoints", "trials at once", "nothing was started"):
        assert word in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_says_how_trials_will_compute(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--space", "unet", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "precision and memory layout: measured for each space" in told
    assert "evaluation: " not in told
    words = ["--precision", "bfloat16", "--eval-overlap", "0.5", "--tta", "--loader-workers", "3"]
    assert main(["--space", "unet", "--dry-run", *words, "--image-cache-gb", "1.5", "--compile"]) == 0
    told = capsys.readouterr().out
    assert (
        "precision and memory layout: bfloat16; measured for each space before its first trial, torch.compile" in told
    )
    assert "windows overlap by 50% of their sides, each image and its mirror images" in told
    assert "3 loader workers each, at most 1.5 GB of decoded images" in told


def make_folder(root: Path, *, masks: bool = True, mapping: str = "name,color\n") -> Path:
    for capture in ("a", "b"):
        (root / capture / "images").mkdir(parents=True)
        (root / capture / "masks").mkdir()
        for number in range(3):
            image = Image.fromarray(np.full((64, 64, 3), 40 * number, np.uint8))
            image.save(root / capture / "images" / f"p{number}.png")
            if masks:
                Image.fromarray(np.full((64, 64), number % 2, np.uint8)).save(
                    root / capture / "masks" / f"p{number}.png"
                )
    (root / "class_mapping.csv").write_text(mapping, encoding="utf-8")
    return root


GOOD_MAPPING = "class_name,class_color\nbackground,0 0 0\ncrop,10 200 10\n"


def bad_data(kind: str, root: Path) -> list[str]:
    """Make a data folder that is wrong in one way; the options that name it."""
    mapping = {
        "no mapping": None,
        "mapping without columns": "name,color\nbackground,0 0 0\n",
        "mapping with a broken colour": "class_name,class_color\nbackground,0 0\ncrop,1 2 3\n",
        "mapping with one class": "class_name,class_color\nbackground,0 0 0\n",
        "mapping with a class twice": "class_name,class_color\nbackground,0 0 0\ncrop,1 2 3\ncrop,4 5 6\n",
        "mapping with a colour twice": "class_name,class_color\nbackground,0 0 0\ncrop,0 0 0\n",
    }.get(kind, GOOD_MAPPING)
    make_folder(root, masks=kind != "no masks", mapping=mapping or "")
    if kind == "no mapping":
        (root / "class_mapping.csv").unlink()
    elif kind == "broken image":
        (root / "a" / "images" / "p0.png").write_bytes(b"not a png")
    elif kind == "broken mask":
        (root / "b" / "masks" / "p1.png").write_bytes(b"\x89PNG\r\n")
    elif kind == "mask of another size":
        Image.fromarray(np.zeros((32, 64), np.uint8)).save(root / "b" / "masks" / "p1.png")
    elif kind == "unknown labelled photo":
        (root / "labeled_files.txt").write_text("p9\n", encoding="utf-8")
    elif kind == "too few photos":
        (root / "labeled_files.txt").write_text("p0\n", encoding="utf-8")
    return ["--data", str(root), "--encoder-weights", "none"]


BAD_DATA = (
    "no mapping",
    "mapping without columns",
    "mapping with a broken colour",
    "mapping with one class",
    "mapping with a class twice",
    "mapping with a colour twice",
    "no masks",
    "broken image",
    "broken mask",
    "mask of another size",
    "unknown labelled photo",
    "too few photos",
)

BAD_OPTIONS: tuple[tuple[str, ...], ...] = (
    (),
    ("--space", "unett"),
    ("--space", "nothere.yaml"),
    ("--space", "unet", "--trials", "0"),
    ("--space", "unet", "--trials", "many"),
    ("--space", "unet", "--seed", "5000000000"),
    ("--space", "unet", "--storage", "foo://bucket"),
    ("--space", "unet", "--storage", "a_file/checkpoints"),
    ("--space", "unet", "--eval-every", "50", "--max-steps", "10"),
    ("--space", "unet", "--grace-steps", "50", "--max-steps", "10"),
    ("--space", "unet", "--preset", "huge"),
    ("--space", "unet", "--scheduler", "hyperband"),
    ("--space", "unet", "--cpus-per-trial", "1000"),
    ("--space", "unet", "--cpus-per-trial", "deeplabv3plus=1"),
    ("--space", "unet", "--cpus-per-trial", "x"),
    ("--space", "unet", "--gpus-per-trial", "99"),
    ("--space", "unet", "--cpus-per-trial", "0"),
    ("--space", "unet", "--precision", "float16"),
    ("--space", "unet", "--precision", "half"),
    ("--space", "unet", "--loader-workers", "-1"),
    ("--space", "unet", "--image-cache-gb", "-1"),
    ("--space", "unet", "--image-cache-gb", "nan"),
    ("--space", "unet", "--eval-overlap", "0.9"),
    ("--space", "unet", "--eval-overlap", "much"),
    ("--space", "unet", "--data", "nowhere"),
    ("--space", "unet", "--class-mapping", "x.csv"),
    ("--space", "unet", "--encoder-weights", "imagnet"),
    ("--space", "unet", "--encoder-weights", "mobilenet_v2=nowhere.pt"),
    ("--space", "unet", "--name", "../up"),
    ("--space", "unet", "--name", "taken"),
    ("--space", "unet", "--tracking-uri", "ftp://example"),
    ("--space", "unet", "--runs", "a_file"),
    ("--space", "unet", "--space", "bad.yaml"),
    ("--resume", "--name", "never-begun"),
    ("--resume", "--trials", "3"),
    ("--resume", "--precision", "float32"),
    ("--resume", "--compile"),
    ("--resume", "--tta"),
    ("--unknown",),
)


def refused(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run the command, which must refuse its input; the one line it says."""
    with pytest.raises(SystemExit) as caught:
        run_command(main, words)
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert "Traceback" not in told
    return told


@pytest.mark.parametrize("words", BAD_OPTIONS, ids=" ".join)
def test_bad_options_are_one_line_and_exit_code_2(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "taken").mkdir(parents=True)
    (tmp_path / "runs" / "taken" / "notes.txt").write_text("somebody's", encoding="utf-8")
    (tmp_path / "a_file").write_text("", encoding="utf-8")
    (tmp_path / "bad.yaml").write_text("extends: unet\nname: bad\nbaseline: {encoder: nothing}\n", encoding="utf-8")
    refused(words, capsys)
    assert list((tmp_path / "runs").iterdir()) == [tmp_path / "runs" / "taken"]


@pytest.mark.parametrize("kind", BAD_DATA)
def test_bad_data_are_one_line_and_exit_code_2(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    told = refused(["--space", "unet", *bad_data(kind, tmp_path / "data")], capsys)
    assert "data" in told
    assert not (tmp_path / "runs").exists()


def test_spaces_that_start_unequally_are_refused_unless_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    from spaces.loading import load_space
    from trainables.models import create_model

    monkeypatch.chdir(tmp_path)
    encoder = create_model(load_space("unetplusplus").baseline, classes=3).state_dict()
    weights = {name.removeprefix("encoder."): value for name, value in encoder.items() if name.startswith("encoder.")}
    torch.save(weights, tmp_path / "w.pt")
    words = ["--space", "unetplusplus,deeplabv3plus", "--encoder-weights", f"mobilenet_v2={tmp_path / 'w.pt'}"]
    assert "resnet50" in refused(words, capsys)
    assert main([*words, "--allow-unequal-starts", "--dry-run"]) == 0
