"""How long the report of a very large search takes to be written and to open, and how large it is.

    python -m benchmarks.report_size

The results are made up: 10,000 trials of the built-in spaces with 20 evaluations each, and with what ran when and
became of them at the rung. Where a Chromium is on the PATH, the page is opened in it without a window, from the
file: until the verdict is painted, and until the whole document with its table is there and answers. Other work on the
machine lengthens all of it; the processor's time of the writing tells more then.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Timer
from typing import Any

from benchmarks.report_results import large_results
from benchmarks.reporting import benchmark_parser, report
from spaces.command_line import EXIT_DONE, run_command
from spaces.option_types import positive

TRIALS, EVALUATIONS = 10_000, 20
QUICK_TRIALS = 200
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WRITTEN, PAINTED, ANSWERS, SIZE = "written", "verdict painted", "whole page answers", "size of the page"
BOUNDS = {WRITTEN: 30.0, PAINTED: 5.0, ANSWERS: 5.0}
"""Seconds that each may take."""
PATIENCE_SECONDS = 120
MARK = "opened-after-ms"
PROBE = """<script>
(function () {
  let painted = null;
  new PerformanceObserver(function (list) {
    for (const entry of list.getEntries()) painted = painted === null ? entry.renderTime : painted;
  }).observe({ type: "element", buffered: true });
  const report = () => painted === null ? window.setTimeout(report, 20)
    : console.log("opened-after-ms " + painted + " " + answers + " end");
  let answers = null;
  window.addEventListener("load", () => window.setTimeout(function () {
    answers = performance.now();
    report();
  }, 0));
})();
</script>"""
"""Put into the page: writes to the console when the verdict was painted and when the page answered, ms from the start
of loading."""


def main(words: Sequence[str]) -> int:
    """Make the results, write their report, open it, print the table."""
    parser = benchmark_parser("report_size", "Time and size of the report of a very large search.")
    parser.add_argument("--trials", type=positive, metavar="N", help=f"trials of the search ({TRIALS})")
    options = parser.parse_args(words)
    trials = options.trials or (QUICK_TRIALS if options.quick else TRIALS)
    with tempfile.TemporaryDirectory(prefix="report-size-") as work:
        rows = measure(trials, Path(work))
    report(
        f"Report of {trials:,} trials with {EVALUATIONS} evaluations each",
        rows,
        options,
        bounds_missed=", ".join(missed(rows)) or "none",
    )
    return EXIT_DONE


def measure(trials: int, folder: Path) -> list[dict[str, Any]]:
    """Write and open the report of made-up results.

    Returns:
        A row for each quantity: its name, seconds, the processor's among them, with their bound, or megabytes (1e6
        bytes).
    """
    from analysis.report import write_report

    results = large_results(trials, EVALUATIONS)
    began, cpu_began = time.perf_counter(), time.process_time()
    page = write_report(results, folder / "report")
    seconds: dict[str, float | None] = {WRITTEN: time.perf_counter() - began}
    cpu_seconds = {WRITTEN: time.process_time() - cpu_began}
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is not None:
        seconds |= dict(zip((PAINTED, ANSWERS), opening_seconds(page, browser, folder), strict=True))
    rows: list[dict[str, Any]] = [
        {"what": name, "seconds": seconds.get(name), "CPU s": cpu_seconds.get(name), "at most, s": bound}
        for name, bound in BOUNDS.items()
    ]
    return [*rows, {"what": SIZE, "MB": page.stat().st_size / 1e6}]


def opening_seconds(page: Path, browser: str, folder: Path) -> tuple[float | None, float | None]:
    """Open a page without a window.

    Returns:
        Seconds from the start of loading until the verdict was painted, and until the document was loaded and free to
        answer; None where the browser did not say within two minutes.
    """
    probed = folder / "report" / "probed.html"
    text = page.read_text(encoding="utf-8").replace('<h1 id="', f'<h1 elementtiming="{MARK}" id="')
    probed.write_text(text.replace("<style>", PROBE + "<style>", 1), encoding="utf-8")
    quiet = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
    command = [browser, *quiet, "--enable-logging=stderr", "--window-size=1280,800", "--remote-debugging-port=0"]
    with (
        tempfile.TemporaryDirectory(prefix="profile-", ignore_cleanup_errors=True) as profile,
        subprocess.Popen(
            [*command, f"--user-data-dir={profile}", probed.as_uri()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        timer = Timer(PATIENCE_SECONDS, process.kill)
        timer.start()
        try:
            for line in process.stderr or ():
                if f'"{MARK} ' in line:
                    painted, answers = line.split(f'"{MARK} ')[1].split()[:2]
                    return float(painted) / 1000, float(answers) / 1000
        finally:
            timer.cancel()
            process.terminate()
    return None, None


def missed(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The quantities that took longer than they may."""
    return [row["what"] for row in rows if row.get("seconds") is not None and row["seconds"] > row["at most, s"]]


if __name__ == "__main__":
    run_command(main)
