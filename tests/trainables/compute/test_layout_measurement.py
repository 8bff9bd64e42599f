"""The choice from given timings, and what a real measurement leaves behind."""

from collections.abc import Callable

import pytest
import torch

from spaces.errors import InputError
from tests.trainables.small_trial import small_config
from trainables.compute import layout_measurement
from trainables.compute.layout_measurement import LayoutChoice, choose_layout
from trainables.compute.precision import ComputeLayout, Precision

Seconds = Callable[[ComputeLayout], float]

FULL_LAST = ComputeLayout("float32", channels_last=True)
FULL_FIRST = ComputeLayout("float32", channels_last=False)
HALF_LAST = ComputeLayout("bfloat16", channels_last=True)
HALF_FIRST = ComputeLayout("bfloat16", channels_last=False)
ALL = {FULL_LAST, FULL_FIRST, HALF_LAST, HALF_FIRST}

pytestmark = pytest.mark.usefixtures("small_model")


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., LayoutChoice]:
    """Choose on a CPU that is made for bfloat16, where steps take given seconds."""
    monkeypatch.setattr(layout_measurement, "recommended_layout", lambda device: HALF_LAST)

    def choose(seconds: Seconds, precision: Precision | None = None, *, compiled: bool = False) -> LayoutChoice:
        monkeypatch.setattr(layout_measurement._Bench, "seconds", lambda bench, layout: seconds(layout))
        return choose_layout(small_config(), classes=4, device="cpu", threads=1, precision=precision, compiled=compiled)

    return choose


def test_the_recommended_layout_stays_unless_another_is_clearly_faster(chosen: Callable[..., LayoutChoice]) -> None:
    by_a_little = chosen(lambda layout: 0.95 if layout == FULL_FIRST else 1.0)
    assert by_a_little.layout == HALF_LAST
    by_much = chosen(lambda layout: 0.80 if layout == FULL_FIRST else 1.0)
    assert by_much.layout == FULL_FIRST
    assert "1.25 times as fast as the recommended bfloat16, channels last" in by_much.reason


def test_everything_that_was_timed_is_told_the_fastest_first(chosen: Callable[..., LayoutChoice]) -> None:
    times = {HALF_LAST: 0.1, HALF_FIRST: 0.15, FULL_LAST: 0.12, FULL_FIRST: 0.11}
    measured = chosen(times.__getitem__).measured
    assert [timing.layout for timing in measured] == [HALF_LAST, FULL_FIRST, FULL_LAST, HALF_FIRST]
    assert [timing.milliseconds for timing in measured] == pytest.approx([100, 110, 120, 150])
    assert {timing.batch for timing in measured} == {2}


def test_a_given_precision_is_the_only_one_that_is_timed(chosen: Callable[..., LayoutChoice]) -> None:
    choice = chosen(lambda layout: 2.0 if layout.channels_last else 1.0, "float32")
    assert choice.layout == FULL_FIRST
    assert {timing.layout for timing in choice.measured} == {FULL_LAST, FULL_FIRST}


def test_a_layout_that_can_not_be_computed_is_left_out_and_told(chosen: Callable[..., LayoutChoice]) -> None:
    def seconds(layout: ComputeLayout) -> float:
        if layout.precision == "bfloat16":
            raise RuntimeError("no bfloat16 kernel\nat line 7")
        return 1.0

    choice = chosen(seconds)
    assert {timing.layout for timing in choice.measured} == {FULL_LAST, FULL_FIRST}
    assert choice.layout.precision == "float32"
    assert "left out: bfloat16, channels last (no bfloat16 kernel)" in choice.reason
    assert "\n" not in choice.reason


def test_a_network_that_trains_in_no_layout_is_told_in_one_line(chosen: Callable[..., LayoutChoice]) -> None:
    def seconds(layout: ComputeLayout) -> float:
        raise RuntimeError("no kernel")

    with pytest.raises(InputError, match=r"^small can't be trained on cpu: .*no kernel"):
        chosen(seconds)


def test_a_hopeless_layout_is_timed_once(chosen: Callable[..., LayoutChoice]) -> None:
    measured = chosen(lambda layout: 3.1 if layout == HALF_FIRST else 1.0).measured
    steps = {timing.layout: timing.steps for timing in measured}
    assert steps.pop(HALF_FIRST) == 1
    assert set(steps.values()) == {layout_measurement.MOST_ROUNDS}


def test_one_slow_step_does_not_rule_out_the_recommended_layout(chosen: Callable[..., LayoutChoice]) -> None:
    # The first step that counts, after one that does not, met a busy machine.
    times = iter([1.0, 9.0])
    choice = chosen(lambda layout: next(times, 1.0) if layout == HALF_LAST else 1.0)
    assert choice.layout == HALF_LAST
    assert choice.reason == "as recommended"


@pytest.mark.parametrize(("factor", "kept"), [(0.8, True), (1.2, False)])
def test_compiling_is_kept_where_it_is_faster(chosen: Callable[..., LayoutChoice], factor: float, kept: bool) -> None:
    choice = chosen(lambda layout: factor if layout.compiled else 1.0, compiled=True)
    assert choice.layout == ComputeLayout("bfloat16", channels_last=True, compiled=kept)
    assert f"compiled {1 / factor:.2f} times as fast" in choice.reason
    assert sum(timing.layout.compiled for timing in choice.measured) == 1


def test_a_compiler_that_fails_is_done_without(chosen: Callable[..., LayoutChoice]) -> None:
    def seconds(layout: ComputeLayout) -> float:
        if layout.compiled:
            raise RuntimeError("no C++ compiler")
        return 1.0

    choice = chosen(seconds, compiled=True)
    assert choice.layout == HALF_LAST
    assert "no C++ compiler" in choice.reason


def test_where_memory_runs_out_the_batch_halves_but_not_below_two(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = []

    def full(bench: layout_measurement._Bench, layout: ComputeLayout) -> float:
        batches.append(bench.batch)
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(layout_measurement._Bench, "seconds", full)
    with pytest.raises(InputError, match="2 crops of 32 px do not fit into the memory of cpu"):
        choose_layout(small_config(batch_size=12), classes=4, device="cpu", threads=1)
    assert batches == [12, 6, 3, 2]


def test_a_cpu_times_fewer_crops_the_larger_they_are() -> None:
    assert layout_measurement._cpu_batch(small_config(batch_size=16, crop_size=256)) == 2
    assert layout_measurement._cpu_batch(small_config(batch_size=16, crop_size=128)) == 8
    assert layout_measurement._cpu_batch(small_config(batch_size=16, crop_size=64)) == 16
    assert layout_measurement._cpu_batch(small_config(batch_size=16, crop_size=512)) == 2


@pytest.mark.parametrize("recommended", ["float32", "bfloat16", "float16"])
def test_only_precisions_that_the_device_is_made_for_are_tried(
    chosen: Callable[..., LayoutChoice], monkeypatch: pytest.MonkeyPatch, recommended: Precision
) -> None:
    layout = ComputeLayout(recommended, channels_last=True)
    monkeypatch.setattr(layout_measurement, "recommended_layout", lambda device: layout)
    measured = chosen(lambda layout: 1.0).measured
    assert {timing.layout.precision for timing in measured} == {"float32", recommended}


def test_a_real_measurement_trains_and_leaves_the_process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout_measurement, "LONGEST_S", 0.0)
    monkeypatch.setattr(layout_measurement, "recommended_layout", lambda device: HALF_LAST)
    torch.manual_seed(7)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    choice = choose_layout(small_config(), classes=4, device="cpu", threads=threads + 1)
    assert {timing.layout for timing in choice.measured} == ALL
    assert all(timing.milliseconds > 0 for timing in choice.measured)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
