import itertools

import pytest
from optuna.samplers import TPESampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.samplers import evidence as module
from search.samplers.live_study import LiveStudy
from search.samplers.sampler import SpaceSampler
from search.samplers.sources import RecordedSource
from search.samplers.trial_states import directions
from search.samplers.unguided import random_point
from tests.search.samplers.trials import CONDITIONAL, curve_of, space_of, trial_of

SPACE = space_of(CONDITIONAL)


def add(study: LiveStudy, number: int) -> int:
    recorded = RecordedSource(SPACE.suggestions_of(random_point(SPACE, 0, number, 0)))
    SPACE.sample(recorded)
    return study.add(recorded.drawn, recorded.distributions)


def below(study: LiveStudy, count: int) -> list[int]:
    """Trials in the order in which TPE calls them good, as numbers of the study."""
    from optuna.samplers._tpe.sampler import _split_trials

    evidence = study.evidence()
    asked: list[list[FrozenTrial]] = []

    class Spy(TPESampler):
        def infer_relative_search_space(self, study: object, trial: FrozenTrial) -> dict[str, object]:
            asked.extend(_split_trials(study, evidence, n)[0] for n in range(1, count + 1))
            return {}

    study.ask(Spy(), study.evidence()).suggest_float("x", 0, 1)
    order: list[int] = []
    for good in asked:
        order += [trial.number - 1 for trial in good if trial.number - 1 not in order]
    return order


@pytest.mark.parametrize("objectives", [("miou",), ("miou", "parameters")], ids=len)
def test_the_longer_trained_and_then_the_better_of_the_unfinished_trials_are_good(objectives: tuple[str, ...]) -> None:
    study = LiveStudy(directions(objectives))
    diverged, complete, early, better, worse, unstarted = (add(study, number) for number in range(6))
    study.report(early, 2, 0.9)
    study.report(better, 2, 0.1)
    study.report(better, 5, 0.4)
    study.report(worse, 5, 0.3)
    study.tell(early, TrialState.PRUNED, None, "pruned")
    study.tell(complete, TrialState.COMPLETE, [0.2, 1.0][: len(objectives)], "completed")
    study.report(diverged, 7, 0.9)
    study.tell(diverged, TrialState.FAIL, None, "diverged")
    # `better` and `worse` still run, or wait at a rung.
    assert below(study, 5) == [complete, better, worse, early, diverged]
    assert study.evidence()[unstarted].state == TrialState.RUNNING


def test_a_trial_that_broke_says_nothing_about_its_configuration() -> None:
    study = LiveStudy(directions(("miou",)))
    study.tell(add(study, 0), TrialState.FAIL, None, "error")
    assert study.evidence() == []


@pytest.mark.parametrize("objectives", [("miou",), ("miou", "parameters")], ids=len)
def test_of_many_trials_the_best_and_the_latest_are_kept(
    objectives: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_TRIALS", 10)
    monkeypatch.setattr(module, "BEST_KEPT", 3)
    study = LiveStudy(directions(objectives))
    for number in range(30):
        add(study, number)
        value = 0.9 if number in {4, 11} else number / 100
        study.tell(number, TrialState.COMPLETE, [value, 5.0][: len(objectives)], "completed")
    kept = [trial.values[0] for trial in study.evidence()]
    assert kept == [0.9, 0.9, *(number / 100 for number in range(22, 30))]
    assert [trial.number for trial in study.evidence()] == list(range(1, 11))


def test_the_whole_front_is_kept_before_the_dominated() -> None:
    trials = []
    study = LiveStudy([StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE])
    for number, point in enumerate([(0.5, 1.0), (0.9, 9.0), (0.8, 9.5), (0.7, 3.0)]):
        add(study, number)
        study.tell(number, TrialState.COMPLETE, list(point), "completed")
        trials.append(point)
    order = module._best_first(study.evidence(), study._directions)
    assert [trials[place] for place in order] == [(0.9, 9.0), (0.7, 3.0), (0.5, 1.0), (0.8, 9.5)]


def test_paused_trials_guide_proposals_before_any_has_ended() -> None:
    """With late promotion all trials but one may wait until the end of the search."""
    near, far = [], []
    for seed in range(4):
        sampler = SpaceSampler(SPACE, "tpe", seed=seed, trials=30)
        for number in range(30):
            config = sampler.propose(str(number))
            (far if number < 10 else near).append(config)
            for step, miou in enumerate(curve_of(config, 3), start=1):
                sampler.reported(str(number), step, miou)
        assert {state for state, _ in sampler.states()} == {"RUNNING"}
    share = [sum(config.optimizer == "adamw" for config in configs) / len(configs) for configs in (far, near)]
    dice = [sum(config.dice_weight for config in configs) / len(configs) for configs in (far, near)]
    assert share[1] > share[0] + 0.1
    assert dice[1] > dice[0] + 0.1


def test_what_diverged_is_avoided() -> None:
    """Large learning rates diverge; all others do equally well."""
    shares = []
    for numbers in (range(10), range(20, 40)):
        shares.append((numbers, []))
    for seed in range(4):
        sampler = SpaceSampler(SPACE, "tpe", seed=seed, trials=40)
        for number in range(40):
            config = sampler.propose(str(number))
            diverges = config.dice_weight > 0.3
            for numbers, found in shares:
                if number in numbers:
                    found.append(diverges)
            reason = "diverged" if diverges else "completed"
            sampler.tell(trial_of(str(number), config, [0.1] if diverges else [0.1, 0.5], reason))
    first, later = (sum(found) / len(found) for _, found in shares)
    assert later < first / 2


def test_evidence_is_made_anew_only_for_trials_that_changed() -> None:
    study = LiveStudy(directions(("miou",)))
    for number in range(3):
        study.report(add(study, number), 1, 0.1)
    before = study.evidence()
    study.report(1, 2, 0.2)
    after = study.evidence()
    assert [old is new for old, new in itertools.zip_longest(before, after)] == [True, False, True]
