"""The process's parts, called directly; `test_costs` runs the process itself."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from analysis.cost_measurement import FEWEST_RUNS, Measurement, _encoded_photo, timed, warm_up
from analysis.cost_preparation import count_macs
from analysis.device_name import device_name
from analysis.training_costs import measure_training
from spaces.loading import load_space
from tests.trainables.runtimes_network import CLASSES, SIDE, write_network
from trainables.models import create_model


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


@pytest.mark.parametrize("quick", [True, False])
def test_training_is_measured_on_real_steps(quick: bool) -> None:
    config = load_space("unet").baseline.model_copy(update={"crop_size": 32})
    answer = measure_training(config, classes=7, device="cpu", layout="contiguous", threads=None, batch=2, quick=quick)
    assert answer["train_batch_size"] == 2
    assert answer["train_peak_memory_mb"] > 0
    assert (answer["train_steps_per_second"] is None) == quick
    assert quick or 0 < answer["train_steps_per_second"] < 1000


def test_the_measuring_process_has_no_torch_of_its_own() -> None:
    code = "import sys, analysis.cost_measurement; sys.exit('torch' in sys.modules or 'ray' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_warm_up_ends_when_times_are_stable() -> None:
    durations = iter([20.0] * 5 + [2.0] * 100)
    runs = 0

    def run() -> float:
        nonlocal runs
        runs += 1
        return next(durations)

    warm_up(run, 5.0)
    # One slow block, then two that agree.
    assert runs == 15


def test_timing_keeps_to_its_limits() -> None:
    assert len(timed(lambda: 1.0, 20, 5.0)) == 20
    assert len(timed(lambda: 1.0, 1000, 0.0)) == FEWEST_RUNS
    assert len(timed(lambda: 1.0, 3, 0.0)) == 3


def test_a_file_becomes_a_mask(tmp_path: Path) -> None:
    files = write_network(tmp_path, "torch_eager")
    measurement = Measurement()
    opened = measurement.open(
        runtime="torch_eager",
        folder=str(tmp_path),
        config=files.config.model_dump(mode="json"),
        classes=CLASSES,
        longest_s=0.0,
        device="cpu",
        precision="bfloat16",
        layout="channels_last",
        threads=torch.get_num_threads(),
    )
    assert opened["first_inference_ms"] > 0
    mask = Image.open(io.BytesIO(measurement._mask_of(_encoded_photo(SIDE))))
    assert (mask.format, mask.mode, mask.size) == ("PNG", "L", (SIDE, SIDE))
    assert np.asarray(mask).max() < CLASSES
    assert len(measurement.time_whole(samples=2, longest_s=5.0)["ms"]) == 2
    assert len(measurement.time(batch=2, samples=2, longest_s=5.0)["ms"]) == 2


def test_this_device_has_a_name() -> None:
    assert len(device_name("cpu")) > len("CPU ")
