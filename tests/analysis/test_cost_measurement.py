"""The process's parts, called directly; `test_costs` runs the process itself."""

import time

import pytest
import torch
from torch import nn

from analysis import cost_measurement
from analysis.cost_measurement import count_macs
from spaces.loading import load_space
from trainables.models import create_model

CPU = torch.device("cpu")


def test_macs_of_a_convolution_by_hand() -> None:
    layer = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
    assert count_macs(layer, torch.zeros(1, 3, 16, 16)) == 8 * 3 * 3 * 3 * 16 * 16


def test_macs_grow_with_the_area_of_the_image() -> None:
    model = create_model(load_space("unet").baseline, classes=7).eval()
    with torch.inference_mode():
        small, large = (count_macs(model, torch.zeros(1, 3, side, side)) for side in (64, 128))
    # The heads' kernels are composed once, whatever the size.
    assert large == pytest.approx(4 * small, rel=0.03)
    assert large < 4 * small


def test_training_memory_is_measured_on_a_real_step() -> None:
    config = load_space("unet").baseline.model_copy(update={"crop_size": 32})
    model = create_model(config, classes=7)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    answer = cost_measurement._measure_training(model, config, CPU, torch.contiguous_format)
    assert answer["train_batch_size"] == 2
    assert answer["train_peak_memory_mb"] > 0
    assert any(not torch.equal(one, now) for one, now in zip(before, model.parameters(), strict=True))


def test_warm_up_ends_when_times_are_stable() -> None:
    durations = iter([0.02] * 5 + [0.002] * 100)
    runs = 0

    def run() -> None:
        nonlocal runs
        runs += 1
        time.sleep(next(durations))

    cost_measurement._warm_up(run, CPU, 5.0)
    # One slow block, then two that agree; a busy machine may need more.
    assert 15 <= runs <= 105


def test_timing_keeps_to_its_limits() -> None:
    assert len(cost_measurement._time(lambda: None, CPU, 20, 5.0)) == 20
    slow = cost_measurement._time(lambda: time.sleep(0.01), CPU, 1000, 0.0)
    assert len(slow) == cost_measurement.LATENCY_FEWEST_SAMPLES
    assert min(slow) >= 9.0


def test_this_device_has_a_name() -> None:
    assert len(cost_measurement.describe_device(CPU)) > len("CPU ")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_memory_is_that_of_the_device() -> None:
    device = torch.device("cuda")
    cost_measurement._reset_peak(device)
    block = torch.ones(25_000_000, device=device)
    assert cost_measurement._peak_memory_mb(device) >= block.nbytes / 1e6
