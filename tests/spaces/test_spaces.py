"""The contract of every built-in space, and what a user's own file may say."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.configuration import TrialConfig
from spaces.drawing import RandomSource
from spaces.errors import InputError
from spaces.loading import builtin_space_names, load_space, load_spaces
from spaces.presets import load_preset, preset_names
from spaces.space import Space
from tests.spaces.drawing import GivenSource

every_space = pytest.mark.parametrize("space", load_spaces("all"), ids=lambda space: space.name)


@every_space
def test_the_baseline_is_the_recipe_and_a_point_of_the_space(space: Space) -> None:
    drawn = space.suggestions_of(space.baseline)
    assert space.sample(GivenSource(drawn)) == space.baseline
    recipe = TrialConfig(architecture="any", encoder="any")
    own = {"architecture", "encoder", "batch_size"}
    assert space.baseline.model_dump(exclude=own) == recipe.model_dump(exclude=own)


@every_space
@given(seed=st.integers(0, 2**32))
def test_every_drawn_configuration_is_valid_and_can_be_drawn_again(space: Space, seed: int) -> None:
    config = space.sample(RandomSource(seed))
    source = GivenSource(space.suggestions_of(config))
    assert space.sample(source) == config
    assert source.asked == set(space.suggestions_of(config))


@every_space
@given(seed=st.integers(0, 2**32))
def test_without_selftraining_nothing_of_it_is_drawn(space: Space, seed: int) -> None:
    space = space.fix({"threshold_strategy": "off"})
    source = GivenSource(space.suggestions_of(space.sample(RandomSource(seed))))
    assert not space.sample(source).selftraining
    of_it = ("threshold", "selftraining", "strong", "cutmix", "complementary")
    assert not any(asked.startswith(of_it) for asked in source.asked)


@every_space
def test_a_fixed_value_is_no_longer_searched(space: Space) -> None:
    space = space.fix({"optimizer": "adamw", "learning_rate": 1e-3})
    assert {"optimizer", "learning_rate"}.isdisjoint(parameter.name for parameter in space.parameters)
    assert space.baseline.optimizer == "adamw"


@every_space
@pytest.mark.parametrize("strategy", ["classwise", "fixed", "freematch", "softmatch", "a strategy of one's own"])
def test_each_strategy_has_its_own_parameters_and_those_that_all_have(space: Space, strategy: str) -> None:
    own = {
        "classwise": {"threshold_base", "threshold_background"},
        "fixed": {"threshold_base"},
        "freematch": {"threshold_decay"},
        "softmatch": {"threshold_decay", "threshold_sigmas"},
    }
    searched = {parameter.name for parameter in space.fix({"threshold_strategy": strategy}).parameters}
    assert {name for name in searched if name.startswith("threshold")} == own.get(strategy, set())
    shared = {"selftraining_start", "selftraining_ramp", "selftraining_weight", "strong_augmentation", "strong_views"}
    assert shared | {"cutmix", "complementary_dropout"} <= searched


def test_what_hangs_on_something_that_falls_away_falls_away() -> None:
    space = load_space("unet").fix({"threshold_strategy": "off"})
    assert "strong_views" not in {parameter.name for parameter in space.parameters}
    assert "complementary_dropout" not in {parameter.name for parameter in space.parameters}


@pytest.mark.parametrize("written", ["off", "'off'", "{not: off}", "[fixed, off]"])
def test_off_is_a_word(tmp_path: Path, written: str) -> None:
    """YAML 1.1 would take it for false."""
    path = write_space(
        tmp_path,
        f"extends: unet\nname: mine\nbaseline: {{threshold_strategy: off}}\nparameters:\n"
        f"  threshold_strategy: {{choices: [off, fixed]}}\n"
        f"  cutmix: {{choices: [true, false], when: {{threshold_strategy: {written}}}}}\n",
    )
    space = load_space(path)
    (cutmix,) = (parameter for parameter in space.parameters if parameter.name == "cutmix")
    assert space.baseline.threshold_strategy == "off"
    assert (cutmix.domain({"threshold_strategy": "off"}) is None) == (written == "{not: off}")


def test_all_means_every_builtin_space_with_different_names() -> None:
    assert [space.name for space in load_spaces("all")] == list(builtin_space_names())


@pytest.mark.parametrize("name", preset_names())
def test_presets_fit_every_space(name: str) -> None:
    for preset in (load_preset(name), load_preset(name).for_data()):
        for space in load_spaces("all"):
            assert space.fix(preset.config).baseline.crop_size == preset.config.get("crop_size", 256)


@pytest.mark.parametrize("written", ["3e-4", "3E-4", "3.0e-4", "0.0003"])
def test_a_number_may_have_an_exponent_and_no_point(tmp_path: Path, written: str) -> None:
    """YAML 1.1 would take it for a word, which is none of the baseline's numbers."""
    path = write_space(
        tmp_path, f"extends: unet\nname: mine\nparameters:\n  learning_rate: {{choices: [{written}, 1e-3]}}\n"
    )
    (rate,) = (parameter for parameter in load_space(path).parameters if parameter.name == "learning_rate")
    assert rate.domains[0].choices == (3e-4, 1e-3)


def write_space(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_users_file_extends_a_builtin_space_and_drops_and_adds_parameters(tmp_path: Path) -> None:
    path = write_space(
        tmp_path,
        "extends: unet\nname: mine\nbaseline: {heads: 1}\nparameters:\n"
        "  heads: null\n  decoder_width: {low: 0.5, high: 2.0}\n  threshold_offsets.*: {low: -0.1, high: 0.1}\n",
    )
    space = load_space(path).for_classes(("Jalan", "Sawah"))
    names = {parameter.name for parameter in space.parameters}
    assert "heads" not in names
    assert {"decoder_width", "threshold_offsets.Jalan", "threshold_offsets.Sawah", "dice_weight"} <= names
    assert space.baseline.heads == 1
    drawn = space.sample(RandomSource(3))
    assert -0.1 <= drawn.threshold_offsets["Sawah"] <= 0.1
    assert space.sample(GivenSource(space.suggestions_of(drawn))) == drawn


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (
            "name: mine\nparams: {a: {b: c}}\n",
            2,
            "params: there is no such key (did you mean parameters?); one of: name,",
        ),
        ("name: mine\nextends: unet\nbaseline: {batchsize: 4}\n", 3, "(did you mean batch_size?)"),
        (
            "name: mine\nextends: unet\nparameters:\n  dice_weigth: {low: 0, high: 1}\n",
            4,
            "(did you mean dice_weight?)",
        ),
        ("name: mine\nextends: unet\nparameters:\n  dice_weight: [0, 0.6]\n", 4, "write {low: 0, high: 0.6}"),
        ("name: mine\nextends: unet\nparameters:\n  cutmix: [true, false]\n", 4, "write {choices: [true, false]}"),
        ("name: mine\nextends: unet\nparameters:\n  dice_weight: 0.6\n", 4, "alone varies nothing"),
        (
            "name: mine\nextends: recip\n",
            2,
            "(did you mean recipe?); one of: unet, unetplusplus, deeplabv3plus, recipe,",
        ),
        (
            "name: mine\nextends: unet\nparameters:\n  focal_weight: {low: 0, high: 0.6}\n"
            "  dice_weight: {low: 0, high: 0.6}\n",
            5,
            "dice_weight + focal_weight",
        ),
        (
            "name: mine\nextends: unet\nparameters:\n  focal_weight: {low: 0, high: 0.99}\n",
            4,
            "dice_weight + focal_weight",
        ),
        (
            "name: mine\nextends: unet\nbaseline:\n  focal_weight: 0.99\n",
            4,
            "dice_weight + focal_weight",
        ),
        ("images: a/*.png\nroot: .\n", 2, "this describes data: use --data"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_would_be_right(
    tmp_path: Path, text: str, line: int, told: str
) -> None:
    path = write_space(tmp_path, text)
    with pytest.raises(InputError) as caught:
        load_space(path)
    message = str(caught.value)
    assert f"mine.yaml, line {line}: " in message and told in message and "\n" not in message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: mine\nparameters: [1]\n", "line 2"),
        ("name: Mine!\n", "line 1"),
        ("extends: unet\nname: mine\nparameters:\n  heads: {low: 5, high: 1}\n", "line 4"),
        ("extends: unet\nname: mine\nparameters:\n  depth: {low: 1, high: 5}\n", "'depth'"),
        ("extends: unet\nname: mine\nbaseline: {heads: 2}\n", "heads = 2"),
        ("extends: unet\nname: mine\nbaseline: {optimizer: lamb}\n", "optimizer"),
        ("extends: unet\nname: mine\nparameters:\n  dice_weight: {low: 0, high: 2}\n", "dice_weight"),
        ("extends: unet\nname: mine\nparameters:\n  batch_size: {low: 2, high: 16}\n", "batch_size"),
        ("extends: unet\nname: mine\nparameters:\n  crop_size: {low: 64, high: 256, integer: true}\n", "crop_size"),
        (
            "extends: unet\nname: mine\nparameters:\n  dice_weight: {low: 0, high: 0.8}\n"
            "  focal_weight: {low: 0, high: 0.6}\n",
            "dice_weight + focal_weight",
        ),
        ("extends: unet\nname: mine\nparameters:\n  heads: {choices: [1, 3], when: {cutmix: []}}\n", "line 4"),
        (
            "extends: unet\nname: mine\nparameters:\n  heads: {choices: [1, 3], when: {cutmix: {no: 1}}}\n",
            "{not: ...}",
        ),
        (
            "extends: unet\nname: mine\nparameters:\n  heads: {choices: [1, 3], when: {architecture: {not: unet}}}\n",
            "'when' architecture=not unet can never hold",
        ),
        ("extends: unet\nname: mine\nparameters:\n  cutmix: {choices: [on, off]}\n", "'on' would be taken for True"),
        ("extends: nothere\nname: mine\n", "'nothere'"),
        ("extends: mine.yaml\nname: mine\n", "circle"),
        ("name: mine\nbaseline: {encoder: resnet18}\n", "architecture"),
        ("name: [\n", "line"),
        ("", "expected name"),
        ("extends: unet\nname: mine\nparameters:\n  heads: {choices: [1, 3], when: {dept: 1}}\n", "'dept'"),
        (
            "extends: unet\nname: mine\nparameters:\n  heads: {choices: [1, 3], when: {cutmix: true}}\n"
            "  cutmix: {choices: [true, false], when: {heads: 3}}\n",
            "circle",
        ),
    ],
)
def test_a_wrong_file_is_told_in_one_line_with_its_name(tmp_path: Path, text: str, told: str) -> None:
    path = write_space(tmp_path, text)
    with pytest.raises(InputError) as caught:
        load_space(path)
    assert "mine.yaml" in str(caught.value)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "unett", "nothere.yaml", "unet,unet"])
def test_a_wrong_option_is_told(text: str) -> None:
    with pytest.raises(InputError):
        load_spaces(text)
