"""A full training as a user runs it: in a process of its own, with a real network, ended from outside."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from tests.trainables.training_command import evaluations, events
from trainables.checkpoint import read_checkpoint
from trainables.tracking.client import connect
from trainables.tracking.uri import local_tracking_uri

REPOSITORY = Path(__file__).parents[3]
CONFIG = "architecture: unet\nencoder: mobilenet_v2\ncrop_size: 64\nmultiscale: 1.0\nbatch_size: 2\n"
STEPS = 16
"""Enough for three signals to arrive before the training has ended by itself."""
EVALUATED = list(range(2, STEPS + 1, 2))
SHORT = (
    "--max-steps",
    str(STEPS),
    "--eval-every",
    "2",
    "--validation-windows",
    "4",
    "--threads",
    "1",
    "--device",
    "cpu",
)


def start(words: Sequence[str], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "trainables.train", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_help_is_there_at_once_without_torch(tmp_path: Path) -> None:
    code = (
        "import atexit, runpy, sys; sys.argv[1:] = ['--help']; "
        "atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr)); "
        "runpy.run_module('trainables.train', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )
    assert "--config" in done.stdout
    assert done.stderr.strip() == "False"


def wait_for_an_evaluation(process: subprocess.Popen[str], runs: Path, *, after: int) -> None:
    """Wait until a training has an evaluation in its journal that is later than a step."""
    deadline = time.monotonic() + 240
    while not any(entry["step"] > after for entry in evaluations(events("cut", runs))):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_a_training_that_is_ended_from_outside_goes_on_where_it_was(tmp_path: Path) -> None:
    """One training, ended three times: by Ctrl-C while a process makes its batches, by a supervisor, and killed."""
    (tmp_path / "unet.yaml").write_text(CONFIG, encoding="utf-8")
    runs = tmp_path / "runs"
    words = ["--config", "unet.yaml", "--name", "cut", "--precision", "float32", "--loader-workers", "1", *SHORT]
    kept = 0
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        process = start(words, tmp_path)
        wait_for_an_evaluation(process, runs, after=kept)
        process.send_signal(ending)
        output, errors = process.communicate(timeout=120)
        if ending != signal.SIGKILL:
            assert process.returncode == 130, errors
            assert errors == ""
            assert "go on with: python -m trainables.train --resume --name cut" in output
            assert events("cut", runs)[-1]["stop_reason"] == "interrupted"
        if kept:
            assert f"after step {kept} of {STEPS}" in output
        kept = read_checkpoint(runs / "cut" / "last.pt")["trainer"]["step"]
        words = ["--resume", "--loader-workers", "0"]
    resumed = start(["--resume"], tmp_path)
    output, errors = resumed.communicate(timeout=280)
    assert resumed.returncode == 0, errors
    assert errors == ""
    assert f"after step {kept} of {STEPS}" in output
    assert [entry["step"] for entry in evaluations(events("cut", runs))] == EVALUATED
    client = connect(local_tracking_uri(runs))
    (run,) = client.search_runs([e.experiment_id for e in client.search_experiments()])
    assert run.info.status == "FINISHED"
    assert [point.step for point in client.get_metric_history(run.info.run_id, "miou")] == EVALUATED
    assert torch.isfinite(next(iter(read_checkpoint(runs / "cut" / "best.pt")["model"].values()))).all()
