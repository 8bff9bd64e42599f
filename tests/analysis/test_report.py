"""The report's command and its files."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from analysis import report
from analysis.decision import decide
from analysis.decision_markdown import decision_markdown
from analysis.figures import FIGURES
from analysis.ground_latency import GROUND_LATENCY
from analysis.page.against_baseline import make_pairs
from analysis.page.method import ReportOptions
from analysis.results import SearchResults, read_search_folder
from spaces.errors import InputError
from tests.analysis.example_results import make_results
from tests.analysis.figures.cases import CASES, EVIL_NAMES
from tests.analysis.hostile_results import EVIL, hostile_results
from tests.analysis.report_folder import Page, read_page, write_search

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search in which everything that has a name tries to break the page."""
    return write_search(tmp_path_factory.mktemp("runs") / "hostile", hostile_results())


@pytest.fixture(scope="module")
def folder(search: Path) -> Path:
    """Its report, written by the real command in a process of its own."""
    done = run("--search", str(search))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(search / "report" / "index.html")
    return search / "report"


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return read_page(folder / "index.html")


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "analysis.report", *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_page_is_balanced(page: Page) -> None:
    assert page.unbalanced == []


def test_the_verdict_comes_first(page: Page, search: Path) -> None:
    sentence = decide(read_search_folder(search)).sentence
    assert page.text_of("h1") == [sentence]
    headings = [tag for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == "h1"
    assert page.text_of("title")[0].startswith(sentence)


def test_the_page_loads_nothing(page: Page, folder: Path) -> None:
    for address in page.loads():
        beside = re.fullmatch(r"[a-z0-9_]+\.(csv|json|md)", address)
        assert address.startswith(("#", "data:")) or (beside and (folder / address).is_file()), address
    assert all("src" not in attributes for attributes, _ in page.scripts)
    assert not re.search(r"@import|url\(", "".join(page.styles))
    (policy,) = [a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_plotly_is_embedded_once(folder: Path) -> None:
    from plotly.offline import get_plotlyjs

    text = (folder / "index.html").read_text(encoding="utf-8")
    assert text.count(get_plotlyjs()[:200]) == 1
    assert len(text) < 1.3 * len(get_plotlyjs())


def test_names_from_outside_stay_text(page: Page, folder: Path) -> None:
    # Three scripts are ours: the data, plotly.js, and the page's own. Nobody's name may become a fourth, or an image.
    assert len(page.scripts) == 3
    assert all(attributes["src"].startswith("data:image/png") for tag, attributes in page.tags if tag == "img")
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "<img src=x onerror=alert(1)>" in page.text_of("strong")
    shown = " ".join(text for _, text in page.texts)
    for name in (*EVIL_NAMES, *EVIL.values()):
        assert " ".join(name.split()) in shown or name in page.data()["trials"]["errors"], name
    text = (folder / "index.html").read_text(encoding="utf-8")
    for tag in ("<script>alert", "<img src=x", "<svg onload", "<iframe", "<b>bold"):
        assert tag not in text


def test_a_plot_is_shown_once_and_can_be_saved(page: Page) -> None:
    saved = {attributes["data-plot"] for _, attributes in page.tags if "data-save" in attributes}
    offered = {attributes["value"] for tag, attributes in page.tags if tag == "option" and "value" in attributes}
    assert saved
    assert set(page.data()["plots"]) <= saved | offered


def test_the_trials_table_has_every_trial(page: Page, search: Path) -> None:
    trials = read_search_folder(search).trials
    table = page.data()["trials"]
    assert [row[0] for row in table["rows"]] == trials["trial_id"].tolist()
    assert all(len(values) == len(trials) for values in table["configurations"])
    assert EVIL["error"] in table["errors"]
    assert len(table["curves"]["at"]) == len(table["curves"]["scores"]) == len(trials)


def test_every_plot_has_its_place(page: Page) -> None:
    places = [attributes["id"] for _, attributes in page.tags if "plot" in attributes.get("class", "").split()]
    assert sorted(places) == sorted(page.data()["plots"])
    assert len(set(places)) == len(places)
    identities = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(identities)) == len(identities)


def test_links_inside_the_page_lead_somewhere(page: Page) -> None:
    identities = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    inside = [address[1:] for address in page.loads() if address.startswith("#")]
    assert inside
    assert set(inside) <= identities


def test_the_files_beside_it(folder: Path, search: Path) -> None:
    results = read_search_folder(search)
    assert pd.read_csv(folder / "trials.csv")["trial_id"].tolist() == results.trials["trial_id"].tolist()
    assert len(pd.read_csv(folder / "curves.csv")) == len(results.curves)
    for figure in FIGURES:
        assert tuple(pd.read_csv(folder / f"{figure.name}.csv").columns) == figure.columns
    decision = decide(results)
    assert json.loads((folder / "decision.json").read_text(encoding="utf-8")) == decision.to_json()
    assert (folder / "decision.md").read_text(encoding="utf-8") == decision_markdown(decision)
    assert not list(folder.glob("*.tmp")) + list(folder.glob(".*"))


def test_the_same_results_give_the_same_page(folder: Path, search: Path, tmp_path: Path) -> None:
    options = ReportOptions(search=str(search))
    again = report.write_report(read_search_folder(search), tmp_path / "again", options=options)
    assert again.read_bytes() == (folder / "index.html").read_bytes()


@pytest.mark.parametrize("case", sorted(set(CASES) - {"hostile_names"}))
def test_writes_a_sound_page_in_every_state_of_a_search(case: str, tmp_path: Path) -> None:
    written = read_page(report.write_report(CASES[case](), tmp_path))
    assert written.unbalanced == []
    assert len(written.text_of("h1")) == 1
    written.data()


def test_deployment_and_budgets_reach_the_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_search(tmp_path / "runs" / "edge", make_results())
    words = ["--search", "edge", "--runs", str(tmp_path / "runs"), "--deployment", "edge", "--max-latency-ms", "60"]
    assert report.main(words) == 0
    assert capsys.readouterr().out.strip() == str(folder / "report" / "index.html")
    decision = json.loads((folder / "report" / "decision.json").read_text(encoding="utf-8"))
    assert decision["deployment"] == "edge"
    assert decision["budgets"] == {"max_latency_ms": 60.0}
    assert decision["winner"] == "unet"
    again = shlex.join(["python", "-m", "analysis.report", *words])
    assert again in read_page(folder / "report" / "index.html").text_of("code")
    assert "Decided for an edge device" in read_page(folder / "report" / "index.html").text_of("span")


def test_the_search_may_say_what_the_verdict_is_for(tmp_path: Path) -> None:
    results = make_results(spaces=("unet",))
    folder = write_search(tmp_path / "server", replace(results, settings={**results.settings, "deployment": "server"}))
    assert report.main(["--search", str(folder)]) == 0
    decision = json.loads((folder / "report" / "decision.json").read_text(encoding="utf-8"))
    assert decision["deployment"] == "server"


def test_costs_measured_elsewhere_replace_the_searchs_own(tmp_path: Path) -> None:
    folder = write_search(tmp_path / "costs", make_results())
    costs = tmp_path / "edge.csv"
    costs.write_text(
        "# measured by hand\narchitecture,device,parameters,latency_ms_p50\n"
        "unet,small board,3499541,250\ndeeplabv3plus,small board,40352181,900\n",
        encoding="utf-8",
    )
    assert report.main(["--search", str(folder), "--costs", str(costs), "--out", str(tmp_path / "out")]) == 0
    latency = pd.read_csv(tmp_path / "out" / "front_latency.csv")
    assert set(latency[GROUND_LATENCY].round(6)) == {round(ms * 1e6 / 256**2, 6) for ms in (250.0, 900.0)}
    written = read_page(tmp_path / "out" / "index.html")
    shown = " ".join(written.text_of("p"))
    assert "Costs were measured on small board" in shown
    assert "Costs were measured apart from the search, on small board." in shown
    assert "outside of the trials, alone on the device" not in shown
    assert f"--costs {costs} --out {tmp_path / 'out'}" in written.text_of("code")[0]


def test_the_page_tells_of_the_test_part_and_the_costs_only_what_was_done(tmp_path: Path) -> None:
    whole = make_results()
    whole.settings["device"]["cost_threads"] = 3
    shown = " ".join(read_page(report.write_report(whole, tmp_path / "whole")).text_of("p"))
    assert "the test part was used once, for the finalists" in shown
    assert "alone on the device" in shown
    assert "Parentheses hold 95% intervals" in shown
    assert "Latency is that of the trial's network on example CPU with 3 CPU threads." in shown
    shown = " ".join(read_page(report.write_report(CASES["interrupted"](), tmp_path / "part")).text_of("p"))
    assert "the test part has not been used" in shown
    for untrue in ("was used once", "alone on the device", "Parentheses", "Latency is"):
        assert untrue not in shown


def test_the_baseline_and_the_best_are_compared_on_contours_and_confidence_too() -> None:
    results = make_results(spaces=("unet",), accuracies={("unet", "best"): 0.8, ("unet", "baseline"): 0.6})
    (pair,) = make_pairs(results, ("unet",))
    lines = {line.name: (line.baseline, line.best) for line in pair.scores}
    assert lines["boundary mIoU, test"] == ("0.3000", "0.4000")
    assert lines["calibration error, test"] == ("0.1000", "0.0500")


def test_the_searchs_own_report_is_found_again_in_another_folder_of_searches(tmp_path: Path) -> None:
    page = report.write_report(make_results(spaces=("unet",)), tmp_path / "example" / "report")
    (command,) = read_page(page).text_of("code")
    assert command == shlex.join(["python", "-m", "analysis.report", "--search", "example", "--runs", str(tmp_path)])


def test_reads_from_mlflow_where_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def read(tracking_uri: str, search: str) -> SearchResults:
        asked.append((tracking_uri, search))
        # MLflow holds no times.
        return CASES["without_times"]()

    monkeypatch.setattr("analysis.mlflow_results.read_mlflow", read)
    words = ["--search", "lost", "--runs", str(tmp_path), "--tracking-uri", "sqlite:///mlflow.db"]
    assert report.main(words) == 0
    assert asked == [("sqlite:///mlflow.db", "lost")]
    page = (tmp_path / "lost" / "report" / "index.html").read_text(encoding="utf-8")
    assert "made from MLflow, which does not hold what ran when" in page
    assert "made from MLflow, which does not hold ensembles" in page
    assert "made from MLflow" not in report.write_report(CASES["without_times"](), tmp_path).read_text(encoding="utf-8")


def test_a_failed_writing_leaves_the_old_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = make_results(spaces=("unet",))
    page = report.write_report(results, tmp_path)
    before = page.read_bytes()

    def fail(text: str, file: Path) -> None:
        file.write_text(text[:100], encoding="utf-8")
        raise OSError("no space left on device")

    monkeypatch.setattr(report, "_write_text", fail)
    with pytest.raises(InputError, match="no space left"):
        report.write_report(make_results(spaces=("deeplabv3plus",)), tmp_path)
    assert page.read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_pictures_that_can_not_be_drawn_are_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("Kaleido requires Google Chrome\nto be installed.")

    monkeypatch.setattr("plotly.io.write_images", fail)
    monkeypatch.setattr("analysis.figures.embedding.find_spec", lambda name: name)
    assert report.write_report(make_results(spaces=("unet",)), tmp_path, images=True).is_file()
    (line,) = capsys.readouterr().err.splitlines()
    assert "Kaleido requires Google Chrome to be installed." in line


def test_bad_input_ends_with_one_line_and_exit_code_2(tmp_path: Path) -> None:
    """The real command once; the other kinds of bad input are tried within the process below."""
    done = run("--search", "nowhere", "--runs", str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "nowhere" in line


COSTS_HEADER = "architecture,latency_ms_p50\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--search", "nowhere"], "nowhere"),
        (["--search", "empty"], "settings.json"),
        (["--search", "broken"], "not readable JSON"),
        (["--search", "whole", "--deployment", "moon"], "moon"),
        (["--search", "whole", "--max-latency-ms", "fast"], "fast"),
        (["--search", "whole", "--max-parameters", "-1"], "-1"),
        (["--search", "whole", "--max-memory-mb", "nan"], "nan"),
        (["--search", "whole", "--costs", "missing.csv"], "missing.csv"),
        (["--search", "whole", "--costs", "no_network.csv"], "which network"),
        (["--search", "whole", "--costs", "no_cost.csv"], "no column of costs"),
        (["--search", "whole", "--costs", "words.csv"], "slow"),
        (["--search", "whole", "--costs", "other.csv"], "no row matches"),
        (["--search", "whole", "--costs", "picture.png"], "picture.png"),
        (["--search", "whole", "--out", "occupied"], "occupied"),
        ([], "--search"),
    ],
)
def test_bad_input_names_what_is_wrong(
    words: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs/empty").mkdir(parents=True)
    Path("runs/broken").mkdir()
    Path("runs/broken/settings.json").write_text("{", encoding="utf-8")
    Path("runs/broken/results.parquet").write_bytes(b"")
    write_search(Path("runs/whole"), make_results(spaces=("unet",), finalists=False))
    Path("no_network.csv").write_text("device,latency_ms_p50\nphone,3\n", encoding="utf-8")
    Path("no_cost.csv").write_text("architecture,price\nunet,3\n", encoding="utf-8")
    Path("words.csv").write_text(COSTS_HEADER + "unet,slow\n", encoding="utf-8")
    Path("other.csv").write_text(COSTS_HEADER + "segformer,3\n", encoding="utf-8")
    Path("picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    Path("occupied").write_text("a file", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        report.main(words)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
