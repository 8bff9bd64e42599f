"""The comparison of search rules."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.recorded_curves import read_recorded_curves
from benchmarks.search_rules.__main__ import main
from benchmarks.search_rules.clock import run_rule
from benchmarks.search_rules.comparison import behind, mean_interval, share_interval
from benchmarks.search_rules.contenders import CONTENDERS, FixedTrials
from benchmarks.search_rules.contest import Contest, Outcome, best_value, furthest_then_last, worth
from benchmarks.search_rules.fronts import hypervolume, play
from benchmarks.search_rules.goals import goals
from benchmarks.search_rules.grid import SLOW, cells_of
from benchmarks.search_rules.own_rules import FEWEST_KNOWN, NOTHING_KNOWN, OwnRule, recovery_for, run_own
from benchmarks.search_rules.plain_rules import FullBudget, RandomWithPatience
from benchmarks.search_rules.sources import SOURCES
from benchmarks.search_rules.tournament import Cell, Figures, measured, play_all, seconds_of_full_training
from spaces.drawing import RandomSource
from spaces.errors import InputError
from spaces.loading import load_space

EVALUATIONS = 27
FIXED = [name for name, contender in CONTENDERS.items() if not contender.proposes]


def contest(trials: int = 12, seed: int = 0) -> Contest:
    """Curves that never cross, the best one somewhere in the middle."""
    heights = np.random.default_rng(seed).permutation(np.linspace(0.1, 0.6, trials))
    times = np.arange(1, EVALUATIONS + 1)
    mious = heights[:, None] * (1 - np.exp(-times / 4))
    return Contest(mious, np.linspace(1.0, 2.0, trials), np.zeros(trials, dtype=np.int64), grace=4, seed=seed)


def curves_file(path: Path, count: int = 24) -> Path:
    """Recorded curves of real configurations, at heights that depend on them."""
    space = load_space("unet")
    draws = RandomSource(0)
    lines = []
    for number in range(count):
        config = space.sample(draws)
        height = 0.2 + 0.5 * config.dice_weight
        mious = [round(height * (1 - np.exp(-at / 4)), 5) for at in range(1, EVALUATIONS + 1)]
        lines.append(
            json.dumps(
                {
                    "number": number,
                    "drawn": space.suggestions_of(config),
                    "steps": 216,
                    "eval_every": 8,
                    "mious": mious,
                    "stop_reason": "completed",
                    "train_seconds": 27.0 + number,
                }
            )
        )
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


class TestClock:
    def test_one_worker_takes_one_trial_after_the_other(self) -> None:
        given = contest(3)
        spent, seconds = run_rule(FullBudget(), FixedTrials(given), count=3, evaluations=EVALUATIONS, workers=1)
        assert spent.tolist() == [27, 27, 27]
        assert seconds == pytest.approx(27 * (1.0 + 1.5 + 2.0))
        assert seconds == pytest.approx(seconds_of_full_training(given, 1))

    def test_as_many_workers_as_trials_take_as_long_as_the_slowest(self) -> None:
        given = contest(3)
        _, seconds = run_rule(FullBudget(), FixedTrials(given), count=3, evaluations=EVALUATIONS, workers=8)
        assert seconds == pytest.approx(27 * 2.0)
        assert seconds == pytest.approx(seconds_of_full_training(given, 8))

    def test_a_free_worker_takes_the_next_trial(self) -> None:
        given = contest(3)
        _, seconds = run_rule(FullBudget(), FixedTrials(given), count=3, evaluations=EVALUATIONS, workers=2)
        assert seconds == pytest.approx(27 * (1.0 + 2.0)) == seconds_of_full_training(given, 2)

    def test_a_diverged_training_ends_by_itself(self) -> None:
        given = contest(3)
        given.mious[1, 5:] = np.nan
        for name in FIXED:
            if CONTENDERS[name].installed and name != "oracle":
                outcome = CONTENDERS[name].run(given, 1)
                assert outcome.evaluations[1] <= 6, name
                assert outcome.ranking[0] != 1, name

    def test_patience_stops_after_evaluations_without_a_new_best(self) -> None:
        rule = RandomWithPatience(3)
        rule.started(0)
        goes_on = [rule.reported(0, at, miou) for at, miou in enumerate([0.1, 0.3, 0.2, 0.3, 0.1], start=1)]
        assert goes_on == [True, True, True, True, False]


class TestContenders:
    @pytest.mark.parametrize("name", [name for name in FIXED if name not in {"syne-tune-moasha", "ours-pasha"}])
    @pytest.mark.parametrize("workers", [1, 4])
    def test_the_best_of_curves_that_never_cross_is_found(self, name: str, workers: int) -> None:
        if not CONTENDERS[name].installed:
            pytest.skip(f"{CONTENDERS[name].package} is not installed")
        given = contest(12)
        outcome = CONTENDERS[name].run(given, workers)
        assert outcome.ranking[0] == int(worth(given.mious).argmax())
        assert outcome.evaluations.min() >= (0 if name == "oracle" else 1)
        assert outcome.evaluations.max() == EVALUATIONS

    @pytest.mark.parametrize("name", FIXED)
    def test_the_same_contest_has_the_same_outcome(self, name: str) -> None:
        if not CONTENDERS[name].installed:
            pytest.skip(f"{CONTENDERS[name].package} is not installed")
        given = contest(12)
        first, again = (CONTENDERS[name].run(given, 4) for _ in range(2))
        assert first.evaluations.tolist() == again.evaluations.tolist()
        assert first.ranking == again.ranking

    def test_the_late_grace_is_ours(self) -> None:
        outcome = CONTENDERS["ray-asha-late"].run(contest(12), 1)
        assert outcome.evaluations.min() == 4
        assert CONTENDERS["ray-asha"].run(contest(12), 1).evaluations.min() == 1

    def test_ours_runs_each_configuration_at_its_own_speed(self) -> None:
        given = contest(6)
        outcome = run_own(OwnRule(), given, 1)
        assert outcome.seconds == pytest.approx(float(outcome.evaluations @ given.seconds))

    def test_ours_trains_the_baseline_of_each_space_to_its_end(self) -> None:
        given = contest(8)
        two = replace(given, spaces=np.array([0, 1] * 4))
        outcome = run_own(OwnRule(), two, 2)
        assert outcome.evaluations[:2].tolist() == [EVALUATIONS, EVALUATIONS]
        assert len(outcome.ranking) == 8

    def test_samplers_propose_on_a_landscape(self) -> None:
        class Heights:
            def curves(
                self, drawn: Sequence[Mapping[str, Any]], random: np.random.Generator
            ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
                heights = np.array([0.2 + 0.5 * float(values["dice_weight"]) for values in drawn])
                return heights[:, None] * (1 - np.exp(-np.arange(1, 28) / 4)), np.ones(len(drawn))

        given = replace(contest(8), landscape=Heights(), configs=(load_space("unet").baseline,) * 8)
        for name in ("ours", "ray-asha-optuna"):
            outcome = CONTENDERS[name].run(given, 2)
            assert outcome.mious is not None
            assert outcome.mious.shape == (8, EVALUATIONS)
            assert len(np.unique(outcome.mious[:, -1])) == 8
            assert outcome.ranking[0] == int(worth(outcome.mious).argmax())


class TestMeasures:
    def test_worth_is_the_mean_of_the_last_evaluations_and_nothing_where_it_diverged(self) -> None:
        mious = np.array([[0.9, 0.1, 0.2, 0.3], [0.9, 0.9, 0.9, np.nan]])
        np.testing.assert_allclose(worth(mious), [0.2, 0.0])

    def test_the_furthest_trial_is_taken_and_of_several_the_best_last_one(self) -> None:
        mious = np.array([[0.9, 0.9, 0.9], [0.1, 0.2, 0.3], [0.1, 0.2, 0.4], [0.5, np.nan, np.nan]])
        assert furthest_then_last(mious, np.array([1, 3, 3, 2])) == (2, 1, 0, 3)
        assert best_value(mious, np.array([1, 3, 3, 2])) == (0, 2, 1, 3)

    def test_regret_is_counted_in_points_over_all_and_within_the_worst_space(self) -> None:
        mious = np.tile(np.array([[0.5], [0.3], [0.4], [0.1]]), (1, 4))
        given = Contest(mious, np.ones(4), np.array([0, 1, 0, 1]), grace=1, seed=0)
        outcome = Outcome(np.array([4, 1, 1, 4]), 10.0, (2, 3, 0, 1))
        compute, regret, space_regret, time = measured(given, outcome, 1)
        assert compute == pytest.approx(10 / 16)
        assert regret == pytest.approx(10.0)
        assert space_regret == pytest.approx(20.0)
        assert time == pytest.approx(10 / 16)

    def test_intervals_cover_the_mean(self) -> None:
        values = np.random.default_rng(0).normal(5.0, 1.0, size=400)
        low, high = mean_interval(values)
        assert low < values.mean() < high
        assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.2)
        assert mean_interval(np.full(7, 2.0)) == (2.0, 2.0)
        low, high = share_interval(200, 200)
        assert 0.97 < low < high == pytest.approx(1.0)


def figures(compute: float, regret: float, noise: float = 0.1) -> Figures:
    draw = np.random.default_rng(0).normal(size=(2, 100)) * noise
    rates: NDArray[np.float64] = np.abs(regret + draw[1])
    return Figures(compute + 0.01 * draw[0], rates, rates, np.ones(100))


class TestComparison:
    def test_a_peer_that_is_cheaper_and_as_good_is_ahead(self) -> None:
        assert behind(figures(0.3, 0.2), figures(0.2, 0.2)) == (True, ["compute"])

    def test_a_peer_that_is_cheaper_and_worse_only_trades(self) -> None:
        assert behind(figures(0.3, 0.2), figures(0.2, 3.0)) == (False, ["compute"])

    def test_a_peer_that_is_the_same_is_not_ahead(self) -> None:
        assert behind(figures(0.3, 0.2), figures(0.3, 0.2)) == (False, [])

    def test_goals_are_met_or_not_and_said_either_way(self) -> None:
        played = {
            Cell("recorded", 32, 1, "ours"): figures(0.2, 0.1),
            Cell("recorded", 32, 4, "ours"): figures(0.3, 0.1),
            Cell("recorded", 32, 1, "ray-asha"): figures(0.18, 3.0),
            Cell("recorded", 32, 4, "ray-asha"): figures(0.18, 0.1),
        }
        found = goals(played)
        assert found["recorded, 32 trials, 1 workers"].startswith("met")
        assert found["recorded, 32 trials, 4 workers"].startswith("NOT MET")
        assert found["ours behind a peer"].startswith("1 of 2 comparisons (a peer spends no more")


class TestSources:
    def test_ours_is_not_given_the_ends_of_what_it_judges(self, tmp_path: Path) -> None:
        source = SOURCES["recorded"](read_recorded_curves(curves_file(tmp_path / "c.jsonl")))
        given = source.contest(24 - FEWEST_KNOWN, 0)
        assert given.known_curves is not None
        judged = {row.tobytes() for row in given.mious}
        assert len(given.known_curves) == FEWEST_KNOWN
        assert not judged & {row.tobytes() for row in given.known_curves}
        table = recovery_for(given)
        assert table is not None
        assert len(table.standings) == EVALUATIONS
        assert recovery_for(source.contest(25 - FEWEST_KNOWN, 0)) == NOTHING_KNOWN
        assert recovery_for(contest()) is None

    def test_the_slow_contender_plays_the_usual_size_alone(self, tmp_path: Path) -> None:
        curves = read_recorded_curves(curves_file(tmp_path / "c.jsonl", 36))
        cells, _ = cells_of({"recorded": SOURCES["recorded"](curves)}, ["ours", SLOW])
        assert [(cell.trials, cell.workers) for cell in cells if cell.contender == SLOW] == [(32, 4)]
        assert sum(cell.contender == "ours" for cell in cells) == 2 * 4

    def test_a_contest_depends_on_its_seed_alone(self, tmp_path: Path) -> None:
        curves = read_recorded_curves(curves_file(tmp_path / "c.jsonl"))
        for name in SOURCES.keys() - {"proposed"}:
            source = SOURCES[name](curves)
            first, again, other = source.contest(8, 1), source.contest(8, 1), source.contest(8, 2)
            np.testing.assert_array_equal(first.mious, again.mious, err_msg=name)
            assert not np.array_equal(first.mious, other.mious), name
            assert first.trials == 8

    def test_recorded_curves_are_drawn_without_replacement_with_their_configurations(self, tmp_path: Path) -> None:
        curves = read_recorded_curves(curves_file(tmp_path / "c.jsonl"))
        source = SOURCES["recorded"](curves)
        assert source.most_trials() == 24
        given = source.contest(24, 0)
        assert given.configs is not None
        assert len({config.model_dump_json() for config in given.configs}) == 24
        heights = np.array([0.2 + 0.5 * config.dice_weight for config in given.configs])
        np.testing.assert_allclose(given.mious[:, -1], heights * (1 - np.exp(-27 / 4)), atol=1e-4)

    def test_stretched_curves_pass_through_the_recorded_ones(self, tmp_path: Path) -> None:
        curves = read_recorded_curves(curves_file(tmp_path / "c.jsonl"))
        long = SOURCES["recipe"](curves).contest(24, 0)
        short = SOURCES["recorded"](curves).contest(24, 0)
        assert long.evaluations == 150
        np.testing.assert_allclose(long.mious[:, -1], short.mious[:, -1])
        np.testing.assert_allclose(long.mious[:, 49], short.mious[:, 8])

    @pytest.mark.slow
    def test_processes_play_the_same_as_one(self, tmp_path: Path) -> None:
        source = {"recorded": SOURCES["recorded"](read_recorded_curves(curves_file(tmp_path / "c.jsonl")))}
        cells = [Cell("recorded", 8, 2, "ours"), Cell("recorded", 8, 2, "full-budget")]
        one, two = (play_all(source, cells, 60, processes) for processes in (1, 2))
        for cell in cells:
            np.testing.assert_array_equal(one[cell].compute, two[cell].compute)
            assert len(two[cell].regret) == 60


class TestCommand:
    def test_it_writes_rows_and_says_what_it_left_out(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = curves_file(tmp_path / "c.jsonl")
        words = ["--curves-file", str(path), "--repeats", "2", "--trials", "8", "64", "--workers", "2"]
        words += ["--sources", "recorded", "--contenders", "ours", "ray-asha", "--processes", "1"]
        assert main([*words, "--json", str(tmp_path / "out.json")]) == 0
        content = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
        assert [row["contender"] for row in content["rows"]] == ["ours", "ray-asha"]
        assert "recorded with 64 trials (24 curves)" in content["findings"]["left_out"]
        assert "left out" in capsys.readouterr().out

    def test_a_peer_that_is_not_installed_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        absent = replace(CONTENDERS["ray-asha"], package="no_such_package")
        monkeypatch.setitem(CONTENDERS, "ray-asha", absent)
        words = ["--curves-file", str(curves_file(tmp_path / "c.jsonl")), "--repeats", "2", "--trials", "8"]
        words += ["--workers", "2", "--sources", "recorded", "--contenders", "ours", "ray-asha", "--processes", "1"]
        assert main(words) == 0
        assert "not installed: ray-asha" in capsys.readouterr().out

    def test_an_unknown_contender_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="unknown 'nobody'"):
            main(["--curves-file", str(curves_file(tmp_path / "c.jsonl")), "--contenders", "nobody"])


class TestFronts:
    def test_hypervolume_counts_what_is_dominated(self) -> None:
        assert hypervolume(np.array([0.5]), np.array([0.1])) == pytest.approx(0.5)
        assert hypervolume(np.array([0.5, 0.2]), np.array([0.1, 0.0])) == pytest.approx(0.5 + 0.02)
        assert hypervolume(np.empty(0), np.empty(0)) == 0.0

    def test_a_search_finds_a_part_of_the_front(self) -> None:
        found = play(8, 2, seed=0)
        assert {"ours", "random with ours' compute"} <= set(found)
        for result in found.values():
            assert 0 < result.compute <= 1
            assert 0 <= result.hypervolume <= 1 + 1e-9
