"""The page in a real browser, where there is one: no console error, every plot drawn, the table answers."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from analysis.report import write_report
from tests.analysis.figures.cases import CASES, EVIL_NAMES

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
    "--virtual-time-budget=30000",
    "--window-size=1280,900",
)

USE_THE_PAGE = """
<script>
window.addEventListener("load", function () {
  window.setTimeout(function () {
    const found = { errors: [] };
    window.addEventListener("error", (event) => found.errors.push(event.message));
    const rows = () => Array.from(document.querySelectorAll("#trials-table tbody > tr:not(.configuration)"));
    const first = () => rows().map((row) => row.cells[0].textContent);
    const type = function (id, value) {
      const field = document.getElementById(id);
      field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    };
    const heading = (name) => Array.from(document.querySelectorAll("#trials-table th button"))
      .find((button) => button.textContent === name);
    found.all = rows().length;
    found.best = first()[0];
    heading("parameters").click();
    heading("parameters").click();
    found.fewest = first()[0];
    found.sorted = heading("parameters").closest("th").getAttribute("aria-sort");
    type("filter-stop", "pruned");
    found.pruned = first();
    type("filter-stop", "");
    type("filter-text", "unet-3 adamw");
    found.none = rows().length;
    type("filter-text", "unet-3");
    rows()[0].querySelector("button").click();
    found.opened = document.querySelector("tr.configuration").textContent;
    rows()[0].querySelector("button").click();
    found.closed = document.querySelectorAll("tr.configuration").length;
    type("filter-text", "");
    const drawn = () => document.querySelectorAll(".plot .main-svg").length > 0
      ? Array.from(document.querySelectorAll(".plot")).filter((place) => place.querySelector(".main-svg")).length : 0;
    found.drawnAtFirst = drawn();
    const latency = document.querySelector("input[value='front-latency']");
    latency.checked = true;
    latency.dispatchEvent(new Event("change", { bubbles: true }));
    found.hidden = document.getElementById("front-parameters").hidden;
    document.querySelectorAll("details").forEach((block) => { block.open = true; });
    window.setTimeout(function () {
      found.places = document.querySelectorAll(".plot").length;
      found.drawn = drawn();
      const point = document.getElementById("plot-front-latency-front");
      point.emit("plotly_click", { points: [{ customdata: "unetplusplus-1" }] });
      found.clicked = first();
      found.width = document.documentElement.scrollWidth - document.documentElement.clientWidth;
      document.body.dataset.found = JSON.stringify(found);
    }, 4000);
  }, 4000);
});
</script>
"""

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


def test_the_page_works(tmp_path: Path) -> None:
    page = write_report(CASES["whole"](), tmp_path / "report")
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("</body>", USE_THE_PAGE + "</body>"), encoding="utf-8")
    document, console = open_page(page, tmp_path / "profile")
    assert console == []
    match = re.search(r'data-found="([^"]*)"', document)
    assert match is not None
    found = json.loads(match.group(1).replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">"))
    assert found["errors"] == []
    assert found["all"] == 30
    assert found["best"].startswith("deeplabv3plus")
    assert found["fewest"].startswith("unet-")
    assert found["sorted"] == "ascending"
    assert sorted(found["pruned"]) == ["deeplabv3plus-2", "unet-2", "unetplusplus-2"]
    assert found["none"] == 0
    assert "loss became NaN at step 7" in found["opened"]
    assert "learning_rate0.0012" in found["opened"]
    assert found["closed"] == 0
    assert found["hidden"] is True
    assert 0 < found["drawnAtFirst"] < found["places"] == found["drawn"]
    assert found["clicked"] == ["unetplusplus-1"]
    assert found["width"] <= 0


@pytest.mark.parametrize("case", ["hostile_names", "one_trial", "empty"])
def test_no_console_error_in_dark_either(case: str, tmp_path: Path) -> None:
    page = write_report(CASES[case](), tmp_path / "report")
    document, console = open_page(page, tmp_path / "profile", "--blink-settings=preferredColorScheme=0")
    assert console == []
    if case == "hostile_names":
        # In a plot a name is text: its angle brackets reach the document escaped.
        assert "&lt;script&gt;alert('x')" in document
        assert EVIL_NAMES[1] not in document
