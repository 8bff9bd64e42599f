"""The fresh process in which `benchmarks.predict_photo` predicts a photo: its memory is that of nothing else."""

import contextlib
import sys
import time
from typing import Any

from analysis.measuring_process import answer_questions
from trainables.compute.process_memory import peak_process_memory_mb
from trainables.predict import main


def measure(*, words: list[str], first: str, photo: str) -> dict[str, Any]:
    """Predict a small photo, which loads all libraries, then the one that counts: seconds, and peak memory, MB."""
    with contextlib.redirect_stdout(sys.stderr):
        main([*words, first])
        before = peak_process_memory_mb()
        started = time.perf_counter()
        main([*words, "--force", photo])
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "before_mb": before, "peak_mb": peak_process_memory_mb()}


if __name__ == "__main__":
    answer_questions(measure)
