"""The page in a real browser, where there is one: no console error, every plot drawn, the table answers."""

import json
import re
import shutil
import subprocess
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
  const answer = document.querySelector(".answer").getBoundingClientRect();
  document.body.dataset.found = JSON.stringify({
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    answered: answer.bottom <= window.innerHeight,
    paper: getComputedStyle(document.body).backgroundColor,
    loaded: performance.getEntriesByType("resource").map((entry) => entry.name),
    drawn: document.querySelectorAll(".plot .main-svg").length,
  });
}, 1500));
</script>
"""

LIGHT, DARK = "rgb(255, 255, 255)", "rgb(20, 23, 27)"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no chromium or chrome on the PATH")]


def open_page(page: Path, profile: Path, *options: str) -> tuple[str, list[str]]:
    """The page's document after its scripts ran, and what it wrote to the console."""
    done = subprocess.run(
        [str(BROWSER), *QUIET, *options, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=120,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def use_page(page: Path, script: str, profile: Path, *options: str) -> tuple[dict[str, Any], str, list[str]]:
    """What a script found in the page, its document, and what was written to the console."""
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("</body>", script + "</body>"), encoding="utf-8")
    document, console = open_page(page, profile, *options)
    match = re.search(r'data-found="([^"]*)"', document)
    assert match is not None
    return json.loads(unescape(match.group(1))), document, console


def test_the_page_works(tmp_path: Path) -> None:
    page = write_report(CASES["whole"](), tmp_path / "report")
    found, _, console = use_page(page, USE_THE_PAGE, tmp_path / "profile", "--window-size=1280,900")
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


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", ["390,844", "820,1180", "1280,800"])
def test_the_first_screen_answers_at_every_width(size: str, dark: bool, tmp_path: Path) -> None:
    page = write_report(hostile_results() if dark else CASES["whole"](), tmp_path / "report")
    options = [
        f"--window-size={size}",
        "--virtual-time-budget=2500",
        *(["--blink-settings=preferredColorScheme=0"] if dark else []),
    ]
    found, document, console = use_page(page, LOOK_AT_THE_PAGE, tmp_path / "profile", *options)
    assert console == []
    assert found["loaded"] == []
    assert found["overflow"] <= 0
    assert found["answered"]
    assert found["paper"] == (DARK if dark else LIGHT)
    if dark:
        # In a plot a name is text: its angle brackets reach the document escaped.
        assert EVIL_NAMES[1] not in document


@pytest.mark.parametrize("case", ["one_trial", "empty"])
def test_no_console_error_where_little_was_done(case: str, tmp_path: Path) -> None:
    page = write_report(CASES[case](), tmp_path / "report")
    _, console = open_page(page, tmp_path / "profile", "--virtual-time-budget=2500")
    assert console == []
