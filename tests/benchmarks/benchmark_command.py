"""Runs benchmarks as a user does: in a process of their own, because Ray keeps the first token that a process uses."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]


def run_quickly(benchmark: str, folder: Path, *words: str) -> tuple[dict[str, Any], str]:
    """Run `python -m benchmarks.BENCHMARK --quick` with words; what its `--json` file holds, and what it printed."""
    target = folder / f"{benchmark}.json"
    command = [sys.executable, "-m", f"benchmarks.{benchmark}", "--quick", "--json", str(target), *words]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(target.read_text(encoding="utf-8")), done.stdout
