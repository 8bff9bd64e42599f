"""Many runs in processes of their own, with their records in a file from which a stopped benchmark goes on."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from spaces.command_line import terminated_as_interrupted

Record = dict[str, Any]
"""Result of one run, flat, as JSON holds it; `key` tells it from all others."""

_Run = TypeVar("_Run")


def finished_records(file: Path | None) -> dict[str, Record]:
    """Records of a file of JSON lines by key; a last line that a stop cut short is taken out of the file."""
    if file is None or not file.exists():
        return {}
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        file.write_text("".join(lines[:-1]), encoding="utf-8")
    records = [json.loads(line) for line in lines if line.endswith("\n")]
    return {record["key"]: record for record in records}


def add_record(file: Path | None, record: Record) -> None:
    """Append a record to the file, if there is one."""
    if file is not None:
        with file.open("a", encoding="utf-8", newline="\n") as lines:
            lines.write(json.dumps(record) + "\n")


def records_of(work: Callable[[_Run], Record], runs: Sequence[_Run], processes: int) -> Iterator[Record]:
    """Do `work` on each run in one of several processes; yield its record when it ends, in any order."""
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import active_children, get_context

    with terminated_as_interrupted(), ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(work, run) for run in runs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            # A run that failed, or Ctrl-C: what has not begun does not begin, what runs is ended.
            pool.shutdown(wait=False, cancel_futures=True)
            for child in active_children():
                child.terminate()
            raise
