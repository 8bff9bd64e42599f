"""Which finalists are joined, what is kept for that, and what becomes of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from analysis.decision import decide
from analysis.finalist_roles import ENSEMBLE
from analysis.results import read_search_folder
from search.controller import SearchController
from search.ensembles import (
    EnsembleJob,
    NotEvaluatedError,
    WeightsGoneError,
    evaluate_ensembles,
    pending_ensembles,
    runs_for_ensembles,
)
from search.finalists import trials_with_weights
from search.history import history_of
from search.kept_checkpoints import trials_kept
from search.outputs import summary_of, write_tables
from search.outputs import tests_of as evaluations_of
from search.settings import SearchSettings, write_settings
from tests.search.searching import LocalRun, make_settings
from trainables.journal import Journal, read_journal

TEST = {"groups": ["a"], "confusion": [[[6, 0], [1, 8]]], "boundary_miou": 0.5}


def evaluated(settings: SearchSettings, job: EnsembleJob) -> Mapping[str, Any]:
    return TEST


def finished(folder: Path, spaces: str = "unet,deeplabv3plus", **changes: Any) -> LocalRun:
    """A search after its finals."""
    run = LocalRun(make_settings(spaces, trials_per_space=3, scheduler="none", **changes), folder)
    run.run(phases=("search", "finalist"))
    return run


def join(run: LocalRun, evaluate: Any = evaluated) -> tuple[list[str], list[str]]:
    """Evaluate what is pending; returns the failures and the lines for people."""
    lines: list[str] = []
    with Journal(run.folder) as journal:
        controller = SearchController(run.settings, run.history(), journal.append)
        return evaluate_ensembles(run.settings, controller, lines.append, evaluate), lines


def test_every_two_spaces_are_joined_seed_by_seed(tmp_path: Path) -> None:
    run = finished(tmp_path, "unet,unetplusplus,deeplabv3plus", finalists=2)
    jobs = pending_ensembles(run.settings, run.history())
    assert {(job.spaces, job.seed) for job in jobs} == {
        (spaces, seed)
        for spaces in (("unet", "unetplusplus"), ("unet", "deeplabv3plus"), ("unetplusplus", "deeplabv3plus"))
        for seed in (1, 2)
    }
    assert len({job.name for job in jobs}) == len(jobs) == 6
    trials = run.history().trials
    for job in jobs:
        assert [trials[member].job.space for member in job.members] == list(job.spaces)
        assert {trials[member].job.seed for member in job.members} == {job.seed}
    # One configuration stands for a space, on all seeds.
    assert len({trials[m].job.role for job in jobs for m in job.members if trials[m].job.space == "unet"}) == 1


@pytest.mark.parametrize("changes", [{"spaces": "unet"}, {"equal_starts": False}, {"finalist_seeds": 0}])
def test_searches_that_join_nothing(tmp_path: Path, changes: dict[str, Any]) -> None:
    run = finished(tmp_path, **changes)
    assert pending_ensembles(run.settings, run.history()) == []
    assert runs_for_ensembles(run.settings, run.history()) == set()


def test_a_search_that_the_user_stopped_joins_nothing(tmp_path: Path) -> None:
    run = finished(tmp_path)
    with Journal(tmp_path) as journal:
        journal.append("search_stopped")
    assert pending_ensembles(run.settings, run.history()) == []


def test_a_seed_that_broke_in_one_space_is_left_out(tmp_path: Path) -> None:
    run = LocalRun(
        make_settings("unet,deeplabv3plus", trials_per_space=3, scheduler="none"),
        tmp_path,
        lambda job, step: float("nan") if job.trial_id == "unet-best-seed2" else 0.5,
    )
    run.run(phases=("search", "finalist"))
    assert [job.seed for job in pending_ensembles(run.settings, run.history())] == [1]


def test_what_is_in_the_journal_is_not_evaluated_again(tmp_path: Path) -> None:
    run = finished(tmp_path)
    asked: list[int] = []

    def dies_at_the_second(settings: SearchSettings, job: EnsembleJob) -> Mapping[str, Any]:
        asked.append(job.seed)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return TEST

    with pytest.raises(KeyboardInterrupt):
        join(run, dies_at_the_second)
    assert join(run, dies_at_the_second)[0] == []
    assert asked == [1, 2, 2]
    assert pending_ensembles(run.settings, run.history()) == []


def test_weights_of_all_seeds_are_kept_until_then_and_no_longer(tmp_path: Path) -> None:
    run = finished(tmp_path)
    runs = {f"{space}-best-seed{seed}" for space in ("unet", "deeplabv3plus") for seed in (1, 2)}
    assert runs <= trials_kept(run.settings, run.history())
    join(run)
    assert trials_kept(run.settings, run.history()) == trials_with_weights(run.settings, run.history())
    assert not runs <= trials_kept(run.settings, run.history())


def test_until_the_finals_are_over_every_finalist_may_be_joined(tmp_path: Path) -> None:
    run = LocalRun(make_settings("unet,deeplabv3plus", trials_per_space=3, finalists=2, scheduler="none"), tmp_path)
    run.run()
    finals = []
    with Journal(tmp_path) as journal:
        controller = SearchController(run.settings, run.history(), journal.append)
        controller.begin_phase("finalist")
        finals = [trial.job.trial_id for trial in controller.history.of_phase("finalist")]
    assert len(finals) == 8
    assert runs_for_ensembles(run.settings, history_of(read_journal(tmp_path))) == set(finals)


def test_a_failure_is_one_line_and_the_others_follow(tmp_path: Path) -> None:
    run = finished(tmp_path, "unet,unetplusplus,deeplabv3plus")

    def evaluate(settings: SearchSettings, job: EnsembleJob) -> Mapping[str, Any]:
        if job.spaces == ("unet", "unetplusplus"):
            raise NotEvaluatedError("out of memory")
        return TEST

    failures, _ = join(run, evaluate)
    assert failures == ["the ensemble unet + unetplusplus was not evaluated: out of memory"]
    assert len(run.history().ensembles) == 4
    assert len(pending_ensembles(run.settings, run.history())) == 2


def test_weights_that_are_gone_are_no_failure(tmp_path: Path) -> None:
    def evaluate(settings: SearchSettings, job: EnsembleJob) -> Mapping[str, Any]:
        raise WeightsGoneError(f"the weights of {job.members[0]} are gone")

    run = finished(tmp_path)
    failures, lines = join(run, evaluate)
    assert failures == []
    assert any("the weights of unet-best-seed1 are gone" in line for line in lines)
    assert missing_in_the_summary(run) == [
        {
            "ensemble": "unet + deeplabv3plus",
            "seed": seed,
            "reason": f"the weights of unet-best-seed{seed} are gone",
        }
        for seed in (1, 2)
    ]
    # Nothing brings them back: a resumed search neither tries nor says it again.
    assert pending_ensembles(run.settings, run.history()) == []
    assert runs_for_ensembles(run.settings, run.history()) == set()
    assert join(run, evaluate) == ([], [])


def test_a_failure_is_journalled_once_and_forgotten_when_it_is_mended(tmp_path: Path) -> None:
    def fails(settings: SearchSettings, job: EnsembleJob) -> Mapping[str, Any]:
        raise NotEvaluatedError("out of memory")

    run = finished(tmp_path)
    join(run, fails)
    join(run, fails)
    events = [event for event in read_journal(tmp_path) if event["event"] == "ensemble_failed"]
    assert [(event["seed"], event["reason"], event["final"]) for event in events] == [(1, "out of memory", False)]
    assert [one["seed"] for one in missing_in_the_summary(run)] == [1]
    assert join(run) == ([], ["evaluating the ensemble unet + deeplabv3plus on the test part, 2 seeds"])
    assert missing_in_the_summary(run) == []


def missing_in_the_summary(run: LocalRun) -> list[dict[str, Any]]:
    missing: list[dict[str, Any]] = summary_of(run.settings, run.history(), 0.0, None)["ensembles_missing"]
    return missing


def test_ensembles_are_evaluations_beside_the_finalists_and_decide_nothing(tmp_path: Path) -> None:
    run = finished(tmp_path)
    write_settings(run.settings, tmp_path)
    write_tables(tmp_path, run.history())
    before = decide(read_search_folder(tmp_path))
    join(run)
    joined = [test for test in evaluations_of(run.history()) if test.role == ENSEMBLE]
    assert [(test.space, test.seed) for test in joined] == [("unet + deeplabv3plus", 1), ("unet + deeplabv3plus", 2)]
    assert joined[0].confusion.tolist() == TEST["confusion"]
    assert joined[0].boundary_miou == 0.5
    write_tables(tmp_path, run.history())
    after = decide(read_search_folder(tmp_path))
    assert (after.sentence, after.winner) == (before.sentence, before.winner)
