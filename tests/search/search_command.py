"""Runs `python -m search.run` as a user does, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.fault_audit import audit
from trainables.tracking.uri import local_tracking_uri

REPOSITORY = Path(__file__).parents[2]


def start(words: Sequence[str], folder: Path, environment: Mapping[str, str] = os.environ) -> "subprocess.Popen[str]":
    """Start the command with words, in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "search.run", *words],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    words: Sequence[str], folder: Path, environment: Mapping[str, str] = os.environ
) -> "subprocess.CompletedProcess[str]":
    """Run the command with words, in a folder, to its end."""
    with start(words, folder, environment) as process:
        try:
            output, errors = process.communicate(timeout=560)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def one_network_space(folder: Path) -> str:
    """A file of a space like `unet` whose trials share one network, so that a search measures the costs of one."""
    path = folder / "one-network.yaml"
    path.write_text("extends: unet\nname: one-network\nparameters: {heads: null}\n", encoding="utf-8")
    return str(path)


def check_nothing_lost(folder: Path) -> None:
    """Every trial of a finished search is once in journal, results and MLflow, ended, without spare checkpoints."""
    found = audit(folder, local_tracking_uri(folder.parent))
    assert (found.lost, found.duplicated, found.left_running, found.left_over) == (0, 0, 0, 0)
