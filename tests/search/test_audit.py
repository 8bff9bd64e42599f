"""Checks of stopped trials: who is drawn, what a search concludes, and that a resumed one concludes the same."""

import json
from pathlib import Path

import pytest

from search.audit import audit_of, is_audited
from search.history import SearchHistory, TrialHistory, TrialJob
from search.outputs import summary_of
from tests.search.known_curves import FLAT, RISING, SETTINGS, STEPS, make_history, make_trial
from tests.search.searching import KilledError, LocalRun, make_settings, rising

HIGH = [0.9] * len(STEPS)


def audited(trial: TrialHistory, step: int = 16) -> TrialHistory:
    trial.audited_at = step
    return trial


def test_the_draw_is_the_same_at_any_time_and_a_larger_share_only_adds_trials() -> None:
    names = [f"unet-{number:03d}" for number in range(2000)]
    few = {name for name in names if is_audited(0, name, 0.1)}
    more = {name for name in names if is_audited(0, name, 0.3)}
    assert few < more
    # Five standard deviations of the number drawn.
    assert abs(len(few) - 200) < 5 * (2000 * 0.1 * 0.9) ** 0.5
    assert abs(len(more) - 600) < 5 * (2000 * 0.3 * 0.7) ** 0.5
    assert few == {name for name in names if is_audited(0, name, 0.1)}
    assert few != {name for name in names if is_audited(1, name, 0.1)}
    assert not any(is_audited(0, name, 0.0) for name in names)
    assert all(is_audited(0, name, 1.0) for name in names)


def test_no_checked_trial_won_and_the_interval_is_clopper_and_pearsons() -> None:
    losers = [audited(make_trial(number, FLAT)) for number in range(1, 11)]
    stopped = [make_trial(number, HIGH, 2) for number in range(11, 41)]
    found = audit_of(SETTINGS, make_history(make_trial(0, HIGH), *losers, *stopped))
    assert (found.checked, found.won, found.stopped, found.unfinished) == (10, 0, 30, 0)
    assert found.low == 0
    # Without any success the upper limit has a closed form.
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 10))
    assert found.largest_gain == 0
    assert found.steps == 10 * (100 - 16)
    assert "0 of 10" in found.sentence
    assert "0% to 31%" in found.sentence


def test_a_checked_trial_that_beats_the_best_of_the_rungs_is_told_with_its_gain() -> None:
    history = make_history(
        make_trial(0, FLAT),
        audited(make_trial(1, HIGH)),
        audited(make_trial(2, RISING)),
        make_trial(3, RISING, 2),
    )
    found = audit_of(SETTINGS, history)
    assert (found.checked, found.won) == (2, 1)
    assert found.largest_gain == pytest.approx(0.4)
    assert [trial.gain for trial in found.trials] == pytest.approx([0.4, 0.0])
    assert "by up to 40.00 points" in found.sentence


def test_the_best_of_the_rungs_is_that_of_the_same_space_and_no_audited_trial() -> None:
    settings = make_settings("unet,deeplabv3plus", max_steps=100, eval_every=8, rungs=(16, 32))
    history = make_history(
        make_trial(0, HIGH),
        make_trial(0, RISING, space="deeplabv3plus"),
        audited(make_trial(1, FLAT, space="deeplabv3plus")),
        audited(make_trial(2, HIGH, space="deeplabv3plus")),
    )
    found = audit_of(settings, history)
    assert found.won == 2
    assert [trial.best_score for trial in found.trials] == pytest.approx([sum(RISING[-3:]) / 3] * 2)


def test_a_checked_trial_that_broke_has_not_won_and_one_that_did_not_end_says_nothing() -> None:
    history = make_history(
        make_trial(0, FLAT),
        audited(make_trial(1, HIGH, 5, "diverged")),
        audited(make_trial(2, HIGH, 5, "stopped")),
        audited(make_trial(3, HIGH, 5, "interrupted")),
    )
    found = audit_of(SETTINGS, history)
    assert (found.checked, found.won, found.unfinished) == (1, 0, 2)
    assert found.trials[0].score is None


def test_without_a_check_nothing_is_known_but_how_rungs_and_ends_agree() -> None:
    higher = [[0.1 * number + miou for miou in RISING] for number in range(4)]
    history = make_history(*(make_trial(number, curve) for number, curve in enumerate(higher)), make_trial(9, FLAT, 2))
    found = audit_of(SETTINGS, history)
    assert (found.low, found.high) == (None, None)
    assert [(entry.rung, entry.trials) for entry in found.rank_correlations] == [(16, 4), (32, 4)]
    assert [entry.correlation for entry in found.rank_correlations] == pytest.approx([1, 1])
    assert "nothing is known" in found.sentence
    assert "--audit-fraction" in found.sentence


def test_curves_that_cross_disagree_with_the_first_rung() -> None:
    crossing = [[0.05 - 0.01 * number] * 3 + [0.1 + 0.1 * number] * (len(STEPS) - 3) for number in range(4)]
    found = audit_of(SETTINGS, make_history(*(make_trial(number, curve) for number, curve in enumerate(crossing))))
    assert found.rank_correlations[0].correlation == pytest.approx(-1)


@pytest.mark.parametrize("curve", [FLAT, RISING])
def test_trials_that_are_all_alike_or_too_few_have_no_rank_correlation(curve: list[float]) -> None:
    number = 4 if curve is FLAT else 2
    found = audit_of(SETTINGS, make_history(*(make_trial(index, curve) for index in range(number))))
    assert found.rank_correlations == ()
    assert found.sentence == "no trial was stopped at a rung"


def test_an_empty_search_has_an_empty_audit() -> None:
    found = audit_of(SETTINGS, SearchHistory())
    assert (found.checked, found.stopped, found.trials) == (0, 0, ())


AUDITED = make_settings(trials_per_space=16, audit_fraction=0.4, rungs=(20, 40))


def endings(history: SearchHistory) -> dict[str, tuple[int | None, int, str | None]]:
    return {
        trial.job.trial_id: (trial.audited_at, trial.step, trial.stop_reason) for trial in history.of_phase("search")
    }


@pytest.mark.parametrize("late_promotion", [True, False])
def test_of_the_trials_that_a_search_would_stop_exactly_the_drawn_ones_are_trained_to_their_ends(
    tmp_path: Path, late_promotion: bool
) -> None:
    settings = AUDITED.model_copy(update={"late_promotion": late_promotion})
    history = LocalRun(settings, tmp_path).run()
    drawn = {
        trial.job.trial_id
        for trial in history.of_phase("search")
        if is_audited(settings.seed, trial.job.trial_id, settings.audit_fraction)
    }
    checked = {trial.job.trial_id for trial in history.of_phase("search") if trial.audited_at is not None}
    pruned = {trial.job.trial_id for trial in history.of_phase("search") if trial.stop_reason == "pruned"}
    assert checked
    assert pruned
    assert checked <= drawn
    assert not pruned & drawn
    assert "unet-000" not in checked
    for name in checked:
        trial = history.trials[name]
        assert trial.stop_reason == "completed"
        assert trial.step == settings.max_steps
        assert trial.audited_at in settings.rungs
    summary = summary_of(settings, history, 1.0, None)
    assert json.loads(json.dumps(summary, allow_nan=False))["audit"]["checked"] == len(checked)


@pytest.mark.parametrize("die_after", [9, 25, 40, 70])
def test_a_resumed_search_checks_the_same_trials(tmp_path: Path, die_after: int) -> None:
    settings = AUDITED.model_copy(
        update={"device": AUDITED.device.model_copy(update={"concurrent_trials": 1}), "late_promotion": True}
    )
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    whole = LocalRun(settings, tmp_path / "whole").run()
    killed = LocalRun(settings, tmp_path / "killed")
    with pytest.raises(KilledError):
        killed.run(die_after=die_after)
    assert endings(killed.run()) == endings(whole)


def test_an_audited_trial_that_turns_out_best_goes_into_the_finals(tmp_path: Path) -> None:
    """Every curve but the baseline's crosses: what is low at the rung is high at the end."""

    def curve(job: TrialJob, step: int) -> float:
        height = rising(job, 1000)
        return 0.1 * (1 - height) if step <= 40 else height

    settings = make_settings(trials_per_space=16, audit_fraction=1.0, rungs=(20, 40))
    history = LocalRun(settings, tmp_path, curve).run(phases=("search", "finalist"))
    found = audit_of(settings, history)
    assert found.won > 0
    best = max(found.trials, key=lambda trial: trial.gain)
    sources = {trial.job.source_trial_id for trial in history.of_phase("finalist") if trial.job.role == "best"}
    assert sources == {best.trial_id}
