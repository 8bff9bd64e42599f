"""The networks of a search and their costs as objectives."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from search.controller import SearchController
from search.costing import NotMeasuredError, measure_networks, measure_objectives
from search.history import SearchHistory
from search.network_costs import (
    MOST_NETWORKS,
    check_cost_objectives,
    costs_of,
    count_parameters,
    network_name,
    networks_of,
)
from search.objectives import cost_objectives, measured_objectives
from search.settings import SearchSettings, SpaceSettings
from spaces.configuration import TrialConfig
from spaces.drawing import RandomSource
from spaces.errors import InputError
from spaces.loading import load_spaces
from spaces.space import Space
from tests.search.searching import make_settings
from trainables.journal import Journal

HEAD = "extends: unet\nname: mine\n"


@pytest.fixture
def space_of(tmp_path: Path) -> Callable[[str], Space]:
    def make(text: str) -> Space:
        path = tmp_path / "mine.yaml"
        path.write_text(HEAD + text, encoding="utf-8")
        (space,) = load_spaces(str(path))
        return space

    return make


WIDTHS = """
parameters:
  heads: {choices: [1, 3]}
  decoder_width: {choices: [1, 0.5]}
  image_scale: {choices: [1.0, 0.5], when: {optimizer: adamw}}
"""


def test_the_networks_are_those_that_trials_can_have(space_of: Callable[[str], Space]) -> None:
    space = space_of(WIDTHS)
    networks = networks_of(space)
    assert len(networks) == 2 * 2 * 2
    assert all(network_name(config) == name for name, config in networks.items())
    drawn = set()
    source = RandomSource(seed=1)
    for _ in range(200):
        drawn.add(network_name(space.sample(source)))
    assert drawn == set(networks)


def test_conditions_leave_out_what_no_trial_can_have(space_of: Callable[[str], Space]) -> None:
    text = "parameters:\n  heads: {choices: [1, 3]}\n  decoder_width: {choices: [0.5, 1.0], when: {heads: 1}}\n"
    names = {config.network_key()[2:4] for config in networks_of(space_of(text)).values()}
    assert names == {(1, 0.5), (1, 1.0), (3, 1.0)}


def test_whole_numbers_between_two_ends_are_choices(space_of: Callable[[str], Space]) -> None:
    networks = networks_of(space_of("parameters:\n  heads: {low: 1, high: 4, integer: true}\n"))
    assert sorted(config.heads for config in networks.values()) == [1, 2, 3, 4]


@pytest.mark.parametrize("objectives", [("miou", "latency"), ("miou", "parameters", "memory")])
def test_a_range_of_networks_cannot_be_measured_beforehand(
    space_of: Callable[[str], Space], objectives: tuple[str, ...]
) -> None:
    space = space_of("parameters:\n  decoder_width: {low: 0.5, high: 2.0}\n")
    with pytest.raises(InputError, match=r"space mine: decoder_width is a range.*give choices"):
        check_cost_objectives([space], objectives)
    check_cost_objectives([space], ("miou", "parameters"))
    check_cost_objectives([space], ())


def test_too_many_networks_are_refused(space_of: Callable[[str], Space]) -> None:
    widths = ", ".join(f"{0.25 + number / 20:.2f}" for number in range(16)) + ", 1.1"
    space = space_of(f"parameters:\n  heads: {{choices: [1, 3]}}\n  decoder_width: {{choices: [{widths}]}}\n")
    assert len(networks_of(space)) == 34
    check_cost_objectives([space], ("miou", "latency"))
    with pytest.raises(InputError, match=rf"68 or more distinct networks.*at most {MOST_NETWORKS}"):
        check_cost_objectives([space, space], ("miou", "latency"))


def test_costs_come_in_the_order_of_the_objectives() -> None:
    (space,) = load_spaces("unet")
    config = space.baseline.model_copy(update={"crop_size": 128, "image_scale": 0.5})
    costs = {network_name(config): {"latency_ms_p50": 8.192, "peak_memory_mb": 70.0, "parameters": 1.0}}
    # A window of 128 px shows 256 px of the photo: 15.26 of them make a megapixel.
    expected = {"parameters": 3_499_541, "latency": 8.192 * 1e6 / 256**2, "memory": 70.0}
    for objectives in (("miou", "parameters", "latency", "memory"), ("miou", "memory"), ("miou",)):
        found = costs_of(config, costs, objectives, classes=7)
        assert found == pytest.approx([expected[name] for name in cost_objectives(objectives)])
    with pytest.raises(KeyError):
        costs_of(space.baseline, costs, ("miou", "latency"), classes=7)
    assert measured_objectives(("miou", "parameters", "memory")) == ("memory",)


@pytest.mark.parametrize("name", ["unet", "unetplusplus", "deeplabv3plus"])
def test_parameters_are_counted_without_building_the_network(name: str) -> None:
    from trainables.models import create_model

    (space,) = load_spaces(name)
    config = TrialConfig.model_validate(space.baseline.model_dump() | {"heads": 1, "decoder_width": 0.5})
    model = create_model(config, classes=5)
    assert count_parameters(config, 5) == sum(parameter.numel() for parameter in model.parameters())
    assert count_parameters(config, 5) < count_parameters(space.baseline, 5)


def test_the_guides_example_of_something_to_trade(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "own-data-model-space.md").read_text(encoding="utf-8")
    (example,) = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "small-unet" in block]
    path = tmp_path / "small-unet.yaml"
    path.write_text(example, encoding="utf-8")
    (space,) = load_spaces(str(path))
    check_cost_objectives([space], ("miou", "latency"))
    networks = networks_of(space)
    assert len(networks) == 18
    sizes = {count_parameters(config, 7) for config in networks.values()}
    assert len(sizes) == 6
    # What makes it smaller makes it cheaper, whatever a window takes.
    window = {name: {"latency_ms_p50": 10.0, "peak_memory_mb": 1.0} for name in networks}
    by_scale = {
        config.image_scale: costs_of(config, window, ("miou", "latency"), classes=7)[0] for config in networks.values()
    }
    assert by_scale[0.5] < by_scale[0.75] < by_scale[1.0]


class Bench:
    """Measures networks by counting their heads, and remembers which."""

    def __init__(self, broken: int | None = None) -> None:
        self.measured: list[str] = []
        self.broken = broken

    def measure(self, settings: SearchSettings, space: str, config: TrialConfig) -> Mapping[str, float]:
        if config.heads == self.broken:
            raise NotMeasuredError("out of memory")
        self.measured.append(network_name(config))
        return {"latency_ms_p50": float(config.heads), "peak_memory_mb": 10.0}


def test_each_network_is_measured_once_before_the_first_trial_and_never_again(
    tmp_path: Path, space_of: Callable[[str], Space]
) -> None:
    settings = make_settings(spaces="unet").model_copy(
        update={"spaces": {"mine": SpaceSettings.of(space_of(WIDTHS))}, "objectives": ("miou", "latency")}
    )
    bench, lines = Bench(), list[str]()
    with Journal(tmp_path) as journal:
        controller = SearchController(settings, SearchHistory(), journal.append)
        measure_objectives(settings, controller, lines.append, bench.measure)
        known = controller.history.costs
        # Inference sizes share a measurement: what differs is how many windows cover the ground.
        assert len(known) == 8
        assert len(bench.measured) == 4
        assert lines == ["measuring 8 networks for latency, one at a time"]
        for config in networks_of(space_of(WIDTHS)).values():
            (latency,) = costs_of(config, known, settings.objectives, classes=2)
            assert latency == pytest.approx(config.heads * 1e6 * (config.image_scale / config.crop_size) ** 2)
        measure_objectives(settings, controller, lines.append, bench.measure)
        measure_networks(settings, controller, lines.append, bench.measure)
    assert len(bench.measured) == 4
    assert len(lines) == 1


def test_without_such_objectives_nothing_is_measured_beforehand(tmp_path: Path) -> None:
    bench, lines = Bench(), list[str]()
    for objectives in (("miou",), ("miou", "parameters")):
        settings = make_settings(objectives=objectives)
        with Journal(tmp_path) as journal:
            controller = SearchController(settings, SearchHistory(), journal.append)
            measure_objectives(settings, controller, lines.append, bench.measure)
    assert (bench.measured, lines) == ([], [])


def test_a_network_that_cannot_be_measured_ends_the_search_before_it_began(tmp_path: Path) -> None:
    settings = make_settings(objectives=("miou", "memory"))
    with Journal(tmp_path) as journal:
        controller = SearchController(settings, SearchHistory(), journal.append)
        with pytest.raises(
            InputError, match=r"the network of unet .* can't be measured \(out of memory\); leave it out"
        ):
            measure_objectives(settings, controller, lambda line: None, Bench(broken=5).measure)
