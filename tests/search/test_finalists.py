"""Which configurations are re-run for the verdict, and which of them stands for its space."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analysis.decision import decide
from analysis.results import SearchResults, read_search_folder
from analysis.tables import costs_frame, curves_frame, results_frame
from search.finalists import best_trial, finalist_jobs, finals_of, ranked_trials, score_of, trials_with_weights
from search.history import SearchHistory, TrialHistory, TrialJob
from search.network_costs import network_name
from search.outputs import write_tables
from search.settings import SearchSettings, write_settings
from spaces.configuration import TrialConfig
from spaces.loading import load_spaces
from tests.search.searching import make_settings

EVAL_EVERY = 10


@dataclass(frozen=True)
class Tried:
    """A trial of the search and how it went."""

    job: TrialJob
    mious: Sequence[float]
    reason: str


@cache
def baseline_of(space: str) -> TrialConfig:
    (found,) = load_spaces(space)
    return found.baseline


def trial(space: str, number: int, mious: Sequence[float], *, reason: str = "completed", **config: Any) -> Tried:
    changes = {} if number == 0 else {"learning_rate": 1e-3 + number / 1e5}
    job = TrialJob(
        trial_id=f"{space}-{number:03d}",
        space=space,
        phase="search",
        role="baseline" if number == 0 else "proposed",
        seed=0,
        config=TrialConfig.model_validate(baseline_of(space).model_dump() | changes | config),
    )
    return Tried(job, mious, reason)


def run_trial(history: SearchHistory, tried: Tried) -> None:
    job = tried.job
    content = {**asdict(job), "config": job.config.model_dump(mode="json")}
    history.apply({"event": "proposed", "time": 1.0, **content})
    history.apply({"event": "started", "time": 2.0, "trial_id": job.trial_id})
    for number, miou in enumerate(tried.mious, start=1):
        step = number * EVAL_EVERY
        report = {"step": step, "metrics": {"step": step, "miou": miou}}
        history.apply({"event": "reported", "time": 3.0, "trial_id": job.trial_id, **report})
    ending = {"trial_id": job.trial_id, "stop_reason": tried.reason}
    history.apply({"event": "ended", "time": 4.0, **ending})


def history_of_trials(*trials: Tried) -> SearchHistory:
    history = SearchHistory()
    for one in trials:
        run_trial(history, one)
    return history


def with_finals(
    settings: SearchSettings,
    history: SearchHistory,
    mious: Mapping[str, float],
    reasons: Mapping[str, str] | None = None,
) -> SearchHistory:
    """The history after its finals, each run flat at its role's level; `reasons` by trial_id, completed for others."""
    for job in finalist_jobs(settings, history):
        run_trial(history, Tried(job, flat(mious[job.role]), (reasons or {}).get(job.trial_id, "completed")))
    return history


def named(found: TrialHistory | None) -> str:
    return "" if found is None else found.job.trial_id


def flat(level: float) -> list[float]:
    return [level] * 9


def one_space(**changes: Any) -> tuple[SearchSettings, SearchHistory]:
    history = history_of_trials(
        trial("unet", 0, flat(0.30)),
        trial("unet", 1, flat(0.50)),
        trial("unet", 2, flat(0.60)),
        trial("unet", 3, [0.7, 0.7], reason="pruned"),
        trial("unet", 4, [0.8], reason="pruned"),
    )
    return make_settings(**changes), history


def test_the_best_are_re_run_on_seeds_of_their_own() -> None:
    settings, history = one_space(finalists=2, finalist_seeds=2, seed=5)
    jobs = finalist_jobs(settings, history)
    assert [(job.trial_id, job.role, job.seed, job.source_trial_id) for job in jobs] == [
        ("unet-best-seed1", "best", 6, "unet-002"),
        ("unet-best-2-seed1", "best-2", 6, "unet-001"),
        ("unet-baseline-seed1", "baseline", 6, "unet-000"),
        ("unet-best-seed2", "best", 7, "unet-002"),
        ("unet-best-2-seed2", "best-2", 7, "unet-001"),
        ("unet-baseline-seed2", "baseline", 7, "unet-000"),
    ]
    assert len(jobs) == finals_of(settings)


def test_seeds_match_between_spaces_and_only_a_single_space_re_runs_its_baseline() -> None:
    settings = make_settings("unet,deeplabv3plus", finalists=2, finalist_seeds=2)
    both = [trial(space, number, flat(0.3 + number / 10)) for space in settings.spaces for number in range(4)]
    jobs = finalist_jobs(settings, history_of_trials(*both))
    seeds = {space: {(job.role, job.seed) for job in jobs if job.space == space} for space in settings.spaces}
    assert seeds["unet"] == seeds["deeplabv3plus"]
    assert seeds["unet"] == {("best", 1), ("best-2", 1), ("best", 2), ("best-2", 2)}
    assert len(jobs) == finals_of(settings) == 8
    # A space without a result leaves the other one alone, and its baseline is what it is read against.
    alone = history_of_trials(*both[:4], trial("deeplabv3plus", 0, [], reason="diverged"))
    assert {(job.space, job.role) for job in finalist_jobs(settings, alone)} == {
        ("unet", "best"),
        ("unet", "best-2"),
        ("unet", "baseline"),
    }


@pytest.mark.parametrize("finalists", [3, 4, 9])
def test_a_baseline_among_the_best_runs_once(finalists: int) -> None:
    settings, history = one_space(finalists=finalists, finalist_seeds=1)
    jobs = finalist_jobs(settings, history)
    assert [job.source_trial_id for job in jobs].count("unet-000") == 1
    assert "baseline" not in {job.role for job in jobs}
    # Those that were stopped early come after all that were trained to the end, the longest trained first.
    expected = ["unet-002", "unet-001", "unet-000", "unet-003", "unet-004"]
    assert [job.source_trial_id for job in jobs] == expected[:finalists]


def test_a_configuration_that_was_tried_twice_is_re_run_once() -> None:
    settings = make_settings(finalists=2, finalist_seeds=1)
    history = history_of_trials(
        trial("unet", 0, flat(0.5)), trial("unet", 1, flat(0.5), learning_rate=3e-4), trial("unet", 2, flat(0.4))
    )
    assert [job.source_trial_id for job in finalist_jobs(settings, history)] == ["unet-000", "unet-002"]


def test_one_lucky_evaluation_chooses_nobody() -> None:
    steady = trial("unet", 1, [0.50, 0.52, 0.52, 0.52])
    lucky = trial("unet", 2, [0.50, 0.50, 0.54, 0.50])
    history = history_of_trials(lucky, steady)
    assert [one.best_miou for one in history.trials.values()] == [0.54, 0.52]
    assert named(best_trial(history, "unet")) == "unet-001"
    assert score_of(history.trials["unet-001"]) == pytest.approx(0.52)
    assert [one.job.trial_id for one in ranked_trials(history, "unet")] == ["unet-001", "unet-002"]


def test_an_audited_trial_counts_as_any_other_that_was_trained_to_its_end() -> None:
    history = history_of_trials(trial("unet", 0, flat(0.3)), trial("unet", 1, flat(0.6)))
    history.apply({"event": "audited", "time": 5.0, "trial_id": "unet-001", "step": 30})
    assert history.trials["unet-001"].audited_at == 30
    assert named(best_trial(history, "unet")) == "unet-001"


def test_no_result_no_finalist() -> None:
    settings = make_settings(finalists=2)
    history = history_of_trials(trial("unet", 0, [], reason="error"))
    assert best_trial(history, "unet") is None
    assert finalist_jobs(settings, history) == []


def test_more_finalists_than_trials_are_planned_for_no_more_than_there_are() -> None:
    assert finals_of(make_settings(trials_per_space=1, finalists=3, finalist_seeds=2)) == 2
    assert finals_of(make_settings("unet,deeplabv3plus", trials_per_space=2, finalists=3, finalist_seeds=2)) == 8


@pytest.mark.parametrize(("mious", "standing"), [((0.6, 0.5), "unet-002"), ((0.5, 0.6), "unet-001")])
def test_after_the_finals_the_validation_part_says_which_configuration_is_the_best(
    mious: tuple[float, float], standing: str
) -> None:
    settings, history = one_space(finalists=2, finalist_seeds=2)
    levels = {"best": mious[0], "best-2": mious[1], "baseline": 0.9}
    history = with_finals(settings, history, levels)
    assert named(best_trial(history, "unet")) == standing
    run = best_trial(history, "unet", "finalist")
    assert run is not None
    assert run.job.source_trial_id == standing
    assert {"unet-001", "unet-002", "unet-best-seed1", "unet-best-2-seed1"} <= trials_with_weights(settings, history)
    # The report reads the same off the tables.
    results = results_of(settings, history)
    assert next(row for row in decide(results).candidates if row.stands).source_trial_id == standing


@pytest.mark.parametrize("reason", ["diverged", "interrupted"])
def test_a_broken_or_open_run_keeps_a_finalist_from_taking_the_first_ones_place(reason: str) -> None:
    settings, history = one_space(finalists=2, finalist_seeds=2)
    levels = {"best": 0.5, "best-2": 0.6, "baseline": 0.3}
    history = with_finals(settings, history, levels, {"unet-best-2-seed2": reason})
    assert named(best_trial(history, "unet")) == "unet-002"


def results_of(settings: SearchSettings, history: SearchHistory) -> SearchResults:
    """The tables of a history, with a test part on which all are equal."""
    from search.outputs import _curve, _row, tests_of

    for one in history.of_phase("finalist"):
        one.test = {"groups": ["a", "b"], "confusion": [[[5, 1], [2, 7]]] * 2}
    trials = results_frame([_row(one, history.costs) for one in history.trials.values()])
    curves = curves_frame([row for one in history.trials.values() for row in _curve(one)])
    content = settings.model_dump(mode="json")
    return SearchResults(content, trials, curves, tests_of(history), costs_frame(trials), ())


def test_with_costs_the_finalists_spread_over_the_front_and_the_first_has_the_highest_score() -> None:
    settings = make_settings(finalists=3, finalist_seeds=1, objectives=("miou", "latency"), trials_per_space=7)
    trials = [
        trial("unet", 0, flat(0.40), heads=3),
        trial("unet", 1, flat(0.60), heads=5),
        trial("unet", 2, flat(0.59), heads=5),
        trial("unet", 3, flat(0.58), heads=3),
        trial("unet", 4, flat(0.30), heads=1),
        trial("unet", 5, flat(0.20), heads=1),
        trial("unet", 6, [0.99], heads=1, reason="pruned"),
    ]
    history = history_of_trials(*trials)
    for one in trials:
        heads = one.job.config.heads
        history.costs[network_name(one.job.config)] = {"latency_ms_p50": float(heads), "peak_memory_mb": 1.0}
    sources = [job.source_trial_id for job in finalist_jobs(settings, history) if job.role != "baseline"]
    assert sources == ["unet-001", "unet-004", "unet-003"]
    # By mIoU alone the front has no say.
    alone = finalist_jobs(settings.model_copy(update={"objectives": ("miou",)}), history)
    assert [job.source_trial_id for job in alone if job.role != "baseline"] == ["unet-001", "unet-002", "unet-003"]


def test_with_costs_what_the_front_lacks_is_filled_up() -> None:
    settings = make_settings(finalists=2, finalist_seeds=1, objectives=("miou", "parameters"))
    trials = [trial("unet", 0, flat(0.4)), trial("unet", 1, flat(0.6)), trial("unet", 2, [0.9], reason="pruned")]
    history = history_of_trials(*trials)
    sources = [job.source_trial_id for job in finalist_jobs(settings, history)]
    assert sources == ["unet-001", "unet-000"]
    jobs = finalist_jobs(settings.model_copy(update={"finalists": 3}), history)
    assert [job.source_trial_id for job in jobs] == ["unet-001", "unet-000", "unet-002"]


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.8]), max_size=4),
            st.sampled_from(["completed", "patience", "pruned", "diverged"]),
        ),
        max_size=8,
    )
)
def test_the_order_is_that_of_all_scores(trials: list[tuple[list[float], str]]) -> None:
    assume(len(trials) < 2 or any(mious and reason in {"completed", "patience"} for mious, reason in trials[1:]))
    history = history_of_trials(
        *(trial("unet", number, mious, reason=reason) for number, (mious, reason) in enumerate(trials))
    )

    def worth(one: TrialHistory) -> tuple[bool, int, float]:
        finished = one.stop_reason in {"completed", "patience"}
        return finished, 0 if finished else one.step, score_of(one) or 0.0

    scored = [one for one in history.of_phase("search", "unet") if score_of(one) is not None]
    assert list(ranked_trials(history, "unet")) == sorted(scored, key=worth, reverse=True)


def test_where_no_proposal_was_trained_to_its_end_the_baseline_is_compared_at_their_step() -> None:
    """PASHA trains none longer than it takes to rank them, but for the baseline."""
    baseline = trial("unet", 0, [0.1, 0.1, 0.1, 0.9, 0.9, 0.9])
    good, bad = (trial("unet", number, flat, reason="pruned") for number, flat in ((1, [0.5] * 3), (2, [0.05] * 3)))
    order = [one.job.trial_id for one in ranked_trials(history_of_trials(baseline, good, bad), "unet")]
    assert order == ["unet-001", "unet-000", "unet-002"]


def test_finals_that_have_yet_to_start_are_in_the_tables_so_that_the_verdict_waits(tmp_path: Path) -> None:
    settings, history = one_space(finalists=2, finalist_seeds=1)
    jobs = finalist_jobs(settings, history)
    for job in jobs:
        content = {**asdict(job), "config": job.config.model_dump(mode="json")}
        history.apply({"event": "proposed", "time": 9.0, **content})
    write_settings(settings, tmp_path)
    write_tables(tmp_path, history)
    results = read_search_folder(tmp_path)
    finals = results.trials[results.trials["phase"] == "finalist"]
    assert set(finals["trial_id"]) == {job.trial_id for job in jobs}
    assert set(finals["stop_reason"]) == {"interrupted"}
    assert "not all runs of the finalists have ended" in decide(results).reason
