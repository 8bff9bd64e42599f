"""A fresh process that measures, and is asked for more while it lives."""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Self

_ERROR_LINE = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit): ?")
"""The line of a traceback that says what was wrong; libraries write hints below it."""

LONGEST_ANSWER_S = 900.0
"""A process that takes longer than this over one answer hangs, and is ended."""


class MeasurementError(RuntimeError):
    """A measuring process failed; the message is the line that says why."""


class MeasuringProcess:
    """A module of this package in a process of its own: questions and answers are one line of JSON each.

    It idles between questions, so that others can be measured in turn. Use it as a context: the process ends with it.

    Args:
        module: What runs: "analysis.cost_measurement" or "analysis.cost_preparation".
    """

    def __init__(self, module: str) -> None:
        # The process must find these packages even when the project runs from a folder and is not installed.
        root = str(Path(__file__).resolve().parents[1])
        search_path = os.pathsep.join(path for path in (root, os.environ.get("PYTHONPATH")) if path)
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": search_path},
        )

    def ask(self, **question: Any) -> dict[str, Any]:
        """Ask, and wait for the answer.

        Raises:
            MeasurementError: The process failed or hung.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise ValueError("a process without pipes")
        watch = threading.Timer(LONGEST_ANSWER_S, self._process.kill)
        watch.start()
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        finally:
            watch.cancel()
        if not line:
            raise MeasurementError(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._complaints.close()

    def _last_words(self) -> str:
        code = self._process.wait()
        self._complaints.seek(0)
        if code < 0:
            return f"it was killed (signal {-code}): out of memory, or no answer within {LONGEST_ANSWER_S:.0f} s"
        return _reason(self._complaints.read().decode("utf-8", errors="replace")) or f"exit code {code}"


def _reason(complaints: str) -> str:
    """The line of what a process printed that says why it ended; empty where it printed nothing."""
    lines = complaints.strip().splitlines()
    errors = [line for line in lines if _ERROR_LINE.match(line)]
    return (errors or lines or [""])[-1]


def answer_questions(answer: Any) -> None:
    """What the module in the process does: call `answer` with each question until there are no more.

    Whatever libraries print goes to standard error, since standard output carries the answers.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            answers.write(json.dumps(answer(**json.loads(line))) + "\n")
            answers.flush()
