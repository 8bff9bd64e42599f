"""The page in a real browser, where there is one: no console error, every plot drawn, the table answers."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from analysis.report import write_report
from tests.analysis.figures.cases import CASES, EVIL_NAMES
from tests.analysis.hostile_results import hostile_results

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--v=0",
    "--virtual-time-budget=9000",
)

USE_THE_PAGE = """
<script>
window.addEventListener("load", function () {
  const found = { errors: [] };
  window.addEventListener("error", (event) => found.errors.push(event.message));
  const one = (selector) => document.querySelector(selector);
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const first = () => all("#trials-table tbody > tr").map((row) => row.cells[0].textContent);
  const type = function (id, value) {
    const field = document.getElementById(id);
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const heading = (name) => all("#trials-table th button").find((button) => button.textContent === name);
  const press = (place, key) => place.dispatchEvent(new KeyboardEvent("keydown", { key, cancelable: true }));
  const drawn = () => all(".plot").filter((place) => place.querySelector(".main-svg")).length;
  const steps = [
    function () {
      found.all = first().length;
      found.best = first()[0];
      heading("parameters").click();
      heading("parameters").click();
      found.fewest = first()[0];
      found.sorted = heading("parameters").closest("th").getAttribute("aria-sort");
      type("filter-stop", "pruned");
      found.pruned = first();
      type("filter-stop", "");
      type("filter-text", "unet-3 adamw");
      found.none = first().length;
      type("filter-text", "unet-3");
      one("#trials-table tbody button").click();
      found.opened = one("#trial").textContent;
      one("#trial-close").click();
      found.closed = one("#trial").open;
      found.drawnAtFirst = drawn();
      one("#front").scrollIntoView();
    },
    function () {
      const place = one("#plot-front-parameters-front");
      place.focus();
      press(place, "ArrowRight");
      found.spoken = one("#spoken").textContent;
      press(place, "Enter");
      found.byKeyboard = one("#trial-title").textContent;
      one("#trial-in-table").click();
      found.inTable = document.activeElement.textContent;
      const latency = one("input[value='front-latency']");
      latency.checked = true;
      latency.dispatchEvent(new Event("change", { bubbles: true }));
      found.hidden = one("#front-parameters").hidden;
      all("details:not(.demand)").forEach((block) => { block.open = true; });
      all(".alternative").forEach((block) => { block.hidden = false; });
    },
    ...["#finalists", "#compute", "#hyperparameters", "#trials"].map((part) => () => one(part).scrollIntoView()),
    () => window.dispatchEvent(new Event("beforeprint")),
    function () {
      found.places = all(".plot").filter((place) => !place.closest(".demand")).length;
      found.drawn = drawn();
      const point = one("#plot-front-latency-front");
      point.emit("plotly_click", { points: [{ customdata: "unetplusplus-1" }] });
      found.clicked = one("#trial-title").textContent;
      one("#trial-close").click();
      one("#theme").click();
      found.paper = getComputedStyle(document.body).backgroundColor;
      Plotly.toImage({ data: [{ y: [1, 2] }], layout: {} }, { format: "png", width: 90, height: 90 })
        .then(function (uri) { found.saved = uri.slice(0, 15); });
    },
    () => { document.body.dataset.found = JSON.stringify(found); },
  ];
  steps.forEach((step, place) => window.setTimeout(step, 700 * (place + 1)));
});
</script>
"""

LOOK_AT_THE_PAGE = """
<script>
window.addEventListener("load", () => window.setTimeout(function () {
  const answer = document.querySelector(".answer");
  const markup = document.documentElement.outerHTML;
  parent.postMessage({ frame: window.name, found: {
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    answered: answer !== null && answer.getBoundingClientRect().bottom <= window.innerHeight,
    paper: getComputedStyle(document.body).backgroundColor,
    loaded: performance.getEntriesByType("resource").map((entry) => entry.name),
    unescaped: markup.includes(EVIL),
    escaped: markup.includes(EVIL.replaceAll("<", "&lt;").replaceAll(">", "&gt;")),
  } }, "*");
}, 1500));
</script>
""".replace("EVIL", json.dumps(EVIL_NAMES[1]).replace("<", r"\u003c"))

COLLECT = """
<!doctype html>
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<style>body { margin: 0; white-space: nowrap } iframe { border: 0; vertical-align: top }</style>
<body>
<script>
const found = {};
window.addEventListener("message", function (event) {
  found[event.data.frame] = event.data.found;
  document.body.dataset.found = JSON.stringify(found);
});
</script>
"""

LIGHT, DARK = "rgb(255, 255, 255)", "rgb(20, 23, 27)"
SIZES = ((390, 844), (820, 1180), (1280, 800))

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no chromium or chrome on the PATH")]


@dataclass(frozen=True)
class Look:
    """What was seen in the frames of one window, by their names, and what was written to the console."""

    found: dict[str, dict[str, Any]]
    console: list[str]


def run_browser(page: Path, profile: Path, *options: str) -> tuple[dict[str, Any], list[str]]:
    """What scripts found in a page, and what was written to the console."""
    done = subprocess.run(
        [str(BROWSER), *QUIET, *options, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=120,
    )
    match = re.search(r'data-found="([^"]*)"', done.stdout)
    assert match is not None
    return json.loads(unescape(match.group(1))), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def with_script(page: Path, script: str, name: str) -> Path:
    """A copy of a page beside it that also runs a script."""
    text = page.read_text(encoding="utf-8")
    copy = page.with_name(name)
    copy.write_text(text.replace("</body>", script + "</body>"), encoding="utf-8")
    return copy


def look(folder: Path, frames: Mapping[str, tuple[Path, tuple[int, int]]], *options: str) -> Look:
    """Look at pages side by side in one window, each in a frame of its own size, which is a viewport to it."""
    text = COLLECT
    for name, (page, (width, height)) in frames.items():
        shown = with_script(page, LOOK_AT_THE_PAGE, "looked_at.html")
        text += f'<iframe name="{name}" src="{shown.as_uri()}" width="{width}" height="{height}"></iframe>\n'
    collecting = folder / "frames.html"
    collecting.write_text(text, encoding="utf-8")
    # All frames lie within the window: what is out of sight would not be drawn.
    window = f"{sum(width for _, (width, _) in frames.values())},{max(height for _, (_, height) in frames.values())}"
    options = (f"--window-size={window}", "--virtual-time-budget=2500", *options)
    return Look(*run_browser(collecting, folder / "profile", *options))


def sizes_of(page: Path) -> dict[str, tuple[Path, tuple[int, int]]]:
    return {f"{width},{height}": (page, (width, height)) for width, height in SIZES}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(CASES["whole"](), tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def in_light(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Look:
    """The whole report at all widths, and those of searches in which little was done."""
    folder = tmp_path_factory.mktemp("light")
    little = {case: (write_report(CASES[case](), folder / case), (1280, 800)) for case in ("one_trial", "empty")}
    return look(folder, sizes_of(whole) | little)


@pytest.fixture(scope="module")
def in_dark(tmp_path_factory: pytest.TempPathFactory) -> Look:
    """A report whose every name tries to break the page, at all widths, for somebody who prefers dark."""
    folder = tmp_path_factory.mktemp("dark")
    page = write_report(hostile_results(), folder / "report")
    return look(folder, sizes_of(page), "--blink-settings=preferredColorScheme=0")


def test_the_page_works(whole: Path, tmp_path: Path) -> None:
    page = with_script(whole, USE_THE_PAGE, "used.html")
    found, console = run_browser(page, tmp_path / "profile", "--window-size=1280,900")
    assert console == []
    assert found["errors"] == []
    assert found["all"] == 30
    assert found["best"].startswith("deeplabv3plus")
    assert found["fewest"].startswith("unet-")
    assert found["sorted"] == "ascending"
    assert sorted(found["pruned"]) == ["deeplabv3plus-2", "unet-2", "unetplusplus-2"]
    assert found["none"] == 0
    assert "loss became NaN at step 7" in found["opened"]
    assert "learning_rate0.0012" in found["opened"]
    assert found["closed"] is False
    assert found["spoken"].startswith("deeplabv3plus-1, space deeplabv3plus")
    assert found["byKeyboard"] == found["inTable"] == "deeplabv3plus-1"
    assert found["hidden"] is True
    assert 0 < found["drawnAtFirst"] < found["places"] == found["drawn"]
    assert found["clicked"] == "unetplusplus-1"
    assert found["paper"] == DARK
    assert found["saved"] == "data:image/png;"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [f"{width},{height}" for width, height in SIZES])
def test_the_first_screen_answers_at_every_width(size: str, theme: str, request: pytest.FixtureRequest) -> None:
    look: Look = request.getfixturevalue(f"in_{theme}")
    found = look.found[size]
    assert look.console == []
    assert found["loaded"] == []
    assert found["overflow"] <= 0
    assert found["answered"]
    assert found["paper"] == (DARK if theme == "dark" else LIGHT)
    # In a plot a name is text: its angle brackets reach the document escaped.
    assert not found["unescaped"]
    assert found["escaped"] == (theme == "dark")


@pytest.mark.parametrize("case", ["one_trial", "empty"])
def test_no_console_error_where_little_was_done(case: str, in_light: Look) -> None:
    assert case in in_light.found
    assert in_light.console == []
