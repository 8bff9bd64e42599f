import subprocess
import sys

import numpy as np


def run_fresh(code: str) -> list[float]:
    """What a new process prints, as numbers; `peak` is the function under test."""
    whole = f"from trainables.compute.process_memory import peak_process_memory_mb as peak\n{code}"
    answer = subprocess.run([sys.executable, "-c", whole], capture_output=True, check=True, text=True)
    return [float(word) for word in answer.stdout.split()]


def test_the_peak_grows_with_what_was_held_and_stays() -> None:
    code = "before = peak()\nballast = b'x' * 200_000_000\nheld = peak()\ndel ballast\nprint(before, held, peak())"
    before, held, after = run_fresh(code)
    assert before < 150
    assert held > before + 150
    assert after > held - 5  # the kernel counts in batches


def test_a_process_does_not_inherit_the_peak_of_its_parent() -> None:
    ballast = np.ones(50_000_000)
    (peak,) = run_fresh("print(peak())")
    assert 1 < peak < ballast.nbytes / 1e6
