from pathlib import Path
from typing import Any

import pytest

from search.history import SearchHistory, TrialJob
from search.settings import SearchSettings, write_settings
from search.warm_start import fitted, warm_start
from spaces.errors import InputError
from spaces.loading import load_space, load_spaces
from spaces.parameters import Parameter
from spaces.space import Space, make_space
from tests.search.samplers.trials import CONDITIONAL
from tests.search.searching import KilledError, LocalRun, make_settings, rising
from trainables.journal import TRAINING_FILE, Journal


def small_space(*parameters: dict[str, Any], **baseline: Any) -> Space:
    """A space named unet."""
    point = {"architecture": "unet", "encoder": "mobilenet_v2", **baseline}
    return make_space("unet", "an example", point, [Parameter.model_validate(entry) for entry in parameters])


def finished_search(runs: Path, **changes: Any) -> SearchHistory:
    """A search named `earlier` that has run to its end."""
    settings = make_settings(**({"name": "earlier", "trials_per_space": 8} | changes))
    folder = runs / settings.name
    folder.mkdir(parents=True)
    write_settings(settings, folder)
    return LocalRun(settings, folder).run()


def scores(history: SearchHistory) -> list[tuple[float, TrialJob]]:
    done = [trial for trial in history.trials.values() if trial.stop_reason == "completed"]
    return sorted(((trial.best_miou or 0.0, trial.job) for trial in done), key=lambda entry: -entry[0])


def test_the_best_configurations_come_first_up_to_a_third(tmp_path: Path) -> None:
    history = finished_search(tmp_path, scheduler="none")
    spaces = load_spaces("unet")
    expected = [job.config for _, job in scores(history) if job.role != "baseline"]
    for trials, count in ((10, 3), (7, 2), (4, 1), (2, 1)):
        start = warm_start("earlier", tmp_path, spaces, {"unet": trials})
        assert list(start.configs["unet"]) == expected[:count]
    assert warm_start("earlier", tmp_path, spaces, {"unet": 1}).configs == {}


def test_a_search_is_found_by_its_path_too(tmp_path: Path) -> None:
    finished_search(tmp_path / "elsewhere")
    start = warm_start(str(tmp_path / "elsewhere" / "earlier"), tmp_path, load_spaces("unet"), {"unet": 9})
    assert start.folder == tmp_path / "elsewhere" / "earlier"
    assert len(start.configs["unet"]) == 2


def test_spaces_that_the_other_search_lacks_are_said(tmp_path: Path) -> None:
    finished_search(tmp_path)
    start = warm_start("earlier", tmp_path, load_spaces("unet,deeplabv3plus"), {"unet": 9, "deeplabv3plus": 9})
    assert set(start.configs) == {"unet"}
    assert "warm start of deeplabv3plus: earlier has no result in this space" in start.notes


@pytest.mark.parametrize("name", ["missing", "training"])
def test_what_is_no_search_is_bad_input(tmp_path: Path, name: str) -> None:
    (tmp_path / "training").mkdir()
    for file in ("settings.json", TRAINING_FILE):
        (tmp_path / "training" / file).touch()
    with pytest.raises(InputError, match=rf"^--warm-start {name}: there is no search .*{name}; give its name") as error:
        warm_start(name, tmp_path, load_spaces("unet"), {"unet": 9})
    assert "\n" not in str(error.value)


def test_a_search_without_a_result_in_these_spaces_is_bad_input(tmp_path: Path) -> None:
    finished_search(tmp_path)
    with pytest.raises(InputError, match=r"^--warm-start earlier: no trial of deeplabv3plus there has a result"):
        warm_start("earlier", tmp_path, load_spaces("deeplabv3plus"), {"deeplabv3plus": 9})


def test_a_search_that_has_only_begun_is_bad_input(tmp_path: Path) -> None:
    settings = make_settings(name="earlier")
    write_settings(settings, tmp_path)
    with Journal(tmp_path) as journal:
        journal.append("opened", settings="earlier")
    with pytest.raises(InputError, match="has a result"):
        warm_start(str(tmp_path), tmp_path, load_spaces("unet"), {"unet": 9})


def test_a_configuration_fits_its_own_space_unchanged(tmp_path: Path) -> None:
    space = load_space("unet").for_classes(["a", "b"])
    for trial in finished_search(tmp_path).trials.values():
        point, moved = fitted(space, trial.job.config)
        assert point == trial.job.config
        assert moved == ()


def test_what_is_not_searched_here_takes_this_baselines_value() -> None:
    wide = small_space(*CONDITIONAL)
    narrow = small_space({"name": "dice_weight", "domains": [{"low": 0.0, "high": 0.6}]}, batch_size=4, optimizer="sgd")
    config = wide.baseline.model_copy(update={"optimizer": "adamw", "dice_weight": 0.5, "batch_size": 16})
    point, moved = fitted(narrow, config)
    assert point == narrow.baseline.model_copy(update={"dice_weight": 0.5})
    assert moved == ()


def test_values_beyond_a_range_are_moved_to_its_end() -> None:
    space = small_space(
        {"name": "dice_weight", "domains": [{"low": 0.0, "high": 0.45}]},
        {"name": "selftraining_start", "domains": [{"low": 100, "high": 900, "integer": True}]},
        {"name": "ema_decay", "domains": [{"low": 0.99, "high": 0.9995, "one_minus_log": True}]},
        {"name": "threshold_base", "domains": [{"low": 0.4, "high": 0.98, "also": [0.0]}]},
    )
    changes = {"dice_weight": 0.6, "selftraining_start": 7000, "ema_decay": 0.9999, "threshold_base": 0.2}
    point, moved = fitted(space, space.baseline.model_copy(update=changes))
    assert (point.dice_weight, point.selftraining_start, point.threshold_base) == (0.45, 900, 0.4)
    assert point.ema_decay == pytest.approx(0.9995)
    assert len(moved) == 4
    assert moved[0] == "dice_weight 0.6 is moved to 0.45"


def test_a_configuration_with_a_choice_that_is_none_here_is_left_out() -> None:
    space = small_space({"name": "heads", "domains": [{"choices": [3, 5]}]})
    with pytest.raises(ValueError, match=r"^heads 1 is none of 3, 5$"):
        fitted(space, space.baseline.model_copy(update={"heads": 1}))


def test_parts_that_do_not_go_together_are_left_out() -> None:
    space = small_space({"name": "dice_weight", "domains": [{"low": 0.0, "high": 0.5}]}, focal_weight=0.5)
    config = space.baseline.model_copy(update={"dice_weight": 0.6, "focal_weight": 0.0})
    with pytest.raises(ValueError, match="dice_weight \\+ focal_weight"):
        fitted(space, config)


def test_a_value_that_only_moving_another_one_calls_for_is_missing() -> None:
    space = small_space(
        {"name": "strong_views", "domains": [{"low": 1, "high": 2, "integer": True}]},
        {"name": "batch_size", "domains": [{"low": 4, "high": 8, "integer": True}]},
        {"name": "head_dropout", "domains": [{"low": 0.1, "high": 0.3, "when": {"batch_size": 8}}]},
        batch_size=8,
    )
    with pytest.raises(ValueError, match=r"^it has no value for head_dropout$"):
        fitted(space, space.baseline.model_copy(update={"batch_size": 16}))


def test_offsets_follow_the_class_by_name() -> None:
    offsets = {"name": "threshold_offsets.*", "domains": [{"low": -0.2, "high": 0.2}]}
    ours = small_space(offsets, threshold_offsets={"road": 0.15, "crop": 0.1}).for_classes(["crop", "road"])
    theirs = ours.baseline.model_copy(update={"threshold_offsets": {"crop": -0.1, "palm": 0.2}})
    point, _ = fitted(ours, theirs)
    assert point.threshold_offsets == {"crop": -0.1, "road": 0.0}


def warm_settings() -> SearchSettings:
    space = load_space("unet")
    configs = [space.baseline.model_copy(update={"dice_weight": share}) for share in (0.1, 0.2)]
    content = tuple(config.model_dump(mode="json") for config in configs)
    return make_settings(trials_per_space=7, warm_start={"unet": content})


@pytest.mark.parametrize("die_after", [None, 1, 3, 9, 15])
def test_the_warm_start_follows_the_baseline_once_also_after_a_restart(tmp_path: Path, die_after: int | None) -> None:
    run = LocalRun(warm_settings(), tmp_path, rising)
    if die_after is not None:
        with pytest.raises(KilledError):
            run.run(die_after=die_after)
    jobs = [trial.job for trial in run.run().trials.values()]
    assert [job.role for job in jobs] == ["baseline", "warm_start", "warm_start", *["proposed"] * 4]
    assert [job.config.dice_weight for job in jobs[1:3]] == [0.1, 0.2]
    assert len({job.config.model_dump_json() for job in jobs}) == 7
