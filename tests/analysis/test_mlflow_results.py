import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from analysis.mlflow_results import read_mlflow
from analysis.results import SearchResults
from spaces.configuration import TrialConfig
from spaces.errors import InputError
from tests.analysis.example_results import make_results
from tests.trainables.recorded_search import STARTED_MS, record_search
from trainables.tracking.records import TrialHeader
from trainables.tracking.search_recorder import SearchRecorder
from trainables.tracking.uri import local_tracking_uri

CONFIG = TrialConfig.model_validate({"architecture": "unet", "encoder": "mobilenet_v2"})


@pytest.fixture(scope="module")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory, with_database: Callable[[Path], Path]) -> str:
    """One database for all tests here; each test has a search of its own."""
    return local_tracking_uri(with_database(tmp_path_factory.mktemp("runs")))


def named(results: SearchResults, name: str, **settings: Any) -> SearchResults:
    return SearchResults(**{**vars(results), "settings": {**results.settings, "name": name, **settings}})


def record(tracking_uri: str, results: SearchResults) -> str:
    recorder = SearchRecorder(tracking_uri, search_name=results.settings["name"])
    return record_search(recorder, results)


def open_trial(tracking_uri: str, name: str) -> SearchRecorder:
    """A search with one trial, `unet-0`, that has just started."""
    recorder = SearchRecorder(tracking_uri, search_name=name)
    recorder.open_search(named(make_results(spaces=("unet",)), name).settings)
    recorder.open_trial(
        TrialHeader(
            trial_id="unet-0",
            space="unet",
            phase="search",
            role="baseline",
            seed=0,
            config=CONFIG,
            started_ms=STARTED_MS,
        )
    )
    return recorder


def assert_same_table(read: pd.DataFrame, recorded: pd.DataFrame, keys: list[str]) -> None:
    def ordered(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.sort_values(keys, ignore_index=True)

    assert_frame_equal(ordered(read), ordered(recorded), check_like=True, check_exact=True)


def test_what_was_recorded_is_read_back(tracking_uri: str) -> None:
    recorded = named(make_results(spaces=("unet", "deeplabv3plus"), seeds=(0,)), "whole")
    record(tracking_uri, recorded)
    read = read_mlflow(tracking_uri, "whole")
    assert read.settings == recorded.settings
    assert_same_table(read.trials, recorded.trials, ["trial_id"])
    assert_same_table(read.curves, recorded.curves, ["trial_id", "step"])
    assert_same_table(read.costs, recorded.costs, ["space"])
    assert read.panels == recorded.panels
    assert read.summary["best"]["unet"]["trial_id"] == "unet-1"
    assert len(read.tests) == len(recorded.tests)
    for test, expected in zip(read.tests, recorded.tests, strict=True):
        assert (test.trial_id, test.space, test.role, test.seed, test.groups) == (
            expected.trial_id,
            expected.space,
            expected.role,
            expected.seed,
            expected.groups,
        )
        assert (test.confusion == expected.confusion).all()


def test_a_running_search_is_read_as_far_as_it_is(tracking_uri: str) -> None:
    recorder = open_trial(tracking_uri, "running")
    recorder.log_evaluation("unet-0", 20, {"miou": 0.5}, STARTED_MS + 1)
    read = read_mlflow(tracking_uri, "running")
    assert read.trials[["stop_reason", "step", "miou"]].values.tolist() == [["", 20, 0.5]]
    assert (read.tests, read.panels, read.summary) == ((), (), {})


def test_a_step_evaluated_again_after_a_resume_counts_once(tracking_uri: str) -> None:
    recorder = open_trial(tracking_uri, "resumed")
    recorder.log_evaluation("unet-0", 20, {"miou": 0.3, "loss": 1.0}, STARTED_MS + 1)
    recorder.log_evaluation("unet-0", 40, {"miou": 0.6, "loss": 0.9}, STARTED_MS + 2)
    recorder.log_evaluation("unet-0", 40, {"miou": 0.4}, STARTED_MS + 9)
    read = read_mlflow(tracking_uri, "resumed")
    expected = pd.DataFrame({"step": [20, 40], "miou": [0.3, 0.4], "loss": [1.0, float("nan")]})
    assert_frame_equal(read.curves[["step", "miou", "loss"]], expected)
    assert read.trials["miou"].item() == 0.4
    assert "loss" not in read.trials.columns


def test_costs_measured_again_replace_the_earlier(tracking_uri: str) -> None:
    recorder = open_trial(tracking_uri, "measured-twice")
    recorder.log_costs("unet-0", {"latency_ms_p50": 30.0, "parameters": 7.0}, STARTED_MS + 1)
    recorder.log_costs("unet-0", {"latency_ms_p50": 20.0}, STARTED_MS + 2)
    costs = read_mlflow(tracking_uri, "measured-twice").costs
    assert costs[["latency_ms_p50", "parameters"]].values.tolist() == [[20.0, 7.0]]


def test_settings_without_what_the_analysis_reads_are_one_line(tracking_uri: str) -> None:
    results = named(make_results(spaces=("unet",), finalists=False), "bare")
    del results.settings["equal_starts"]
    record(tracking_uri, results)
    with pytest.raises(InputError, match=r"search 'bare', settings\.json: equal_starts: [^\n]*$"):
        read_mlflow(tracking_uri, "bare")


def test_finalists_that_can_not_be_compared_are_one_line(tracking_uri: str) -> None:
    results = named(make_results(spaces=("unet",), seeds=(0, 1)), "twice-tested")
    last = replace(results.tests[1], seed=results.tests[0].seed)
    record(tracking_uri, replace(results, tests=(results.tests[0], last)))
    with pytest.raises(InputError, match=r"search 'twice-tested', [^\n]*: seed 0 of unet [^\n]*$"):
        read_mlflow(tracking_uri, "twice-tested")


def test_an_unknown_search_is_answered_with_those_there_are(tracking_uri: str) -> None:
    open_trial(tracking_uri, "known")
    with pytest.raises(InputError, match=r"--search unknown: .*has no such search; it has .*known"):
        read_mlflow(tracking_uri, "unknown")


def test_two_searches_of_one_name_are_told_apart_by_run(tracking_uri: str) -> None:
    results = make_results(spaces=("unet",), finalists=False)
    first = record(tracking_uri, named(results, "twice", created="2026-01-01T00:00:00+00:00"))
    second = record(tracking_uri, named(results, "twice", created="2026-01-02T00:00:00+00:00", seed=7))
    with pytest.raises(InputError, match=rf"holds 2 of that name.*{first}.*{second}"):
        read_mlflow(tracking_uri, "twice")
    assert read_mlflow(tracking_uri, second).settings["seed"] == 7


def test_another_experiment_holds_nothing(tracking_uri: str) -> None:
    open_trial(tracking_uri, "elsewhere")
    with pytest.raises(InputError, match="nothing is recorded there under 'other'"):
        read_mlflow(tracking_uri, "elsewhere", experiment="other")


def test_a_missing_database_is_bad_input_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such MLflow database"):
        read_mlflow(local_tracking_uri(tmp_path), "any")
    assert list(tmp_path.iterdir()) == []


def test_artifacts_that_are_gone_are_one_line(tracking_uri: str, tmp_path: Path) -> None:
    run = record(tracking_uri, named(make_results(spaces=("unet",), finalists=False), "gone"))
    place = Path(tracking_uri.removeprefix("sqlite:///")).parent / "mlartifacts" / run
    shutil.move(place, tmp_path / "moved")
    with pytest.raises(InputError, match=r"search 'gone' can't be read \([^\n]*settings\.json[^\n]*\)"):
        read_mlflow(tracking_uri, "gone")
