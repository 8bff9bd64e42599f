"""A network measured as `python -m analysis.benchmark` does it: once, since that takes seconds, for all tests here."""

import contextlib
import csv
import io
import json
from dataclasses import dataclass, fields
from typing import Any

import pytest

from analysis.benchmark import main
from analysis.costs import NetworkCosts, measure_costs
from analysis.tables import COST_COLUMNS
from spaces.loading import load_space

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Measured:
    """What the command printed and wrote."""

    printed: str
    row: dict[str, Any]
    table: str


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    folder = tmp_path_factory.mktemp("costs")
    files = ["--json", str(folder / "costs.json"), "--csv", str(folder / "costs.csv")]
    options = ["--models", "unet", "--quick", "--size", "64", "--threads", "1", "--layout", "contiguous"]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main([*options, *files]) == 0
    (row,) = json.loads((folder / "costs.json").read_text(encoding="utf-8"))
    return Measured(printed.getvalue(), row, (folder / "costs.csv").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def unet(measured: Measured) -> NetworkCosts:
    names = {field.name for field in fields(NetworkCosts)}
    return NetworkCosts(**{name: value for name, value in measured.row.items() if name in names})


def test_it_is_printed_and_written(measured: Measured) -> None:
    assert (measured.row["name"], measured.row["layout"]) == ("unet", "contiguous")
    circumstances, _, table = measured.table.partition("\n")
    assert circumstances.startswith("# CPU ")
    assert [row["input_size"] for row in csv.DictReader(io.StringIO(table))] == ["64"]
    assert f"{measured.row['parameters']:,}" in measured.printed
    assert "not measured" in measured.printed


def test_the_network_is_described(unet: NetworkCosts) -> None:
    assert (unet.architecture, unet.encoder, unet.input_size, unet.classes) == ("unet", "mobilenet_v2", 64, 7)
    assert (unet.precision, unet.layout, unet.threads) == ("float32", "contiguous", 1)
    assert unet.device.startswith("CPU ")


def test_sizes_are_those_of_the_network(unet: NetworkCosts) -> None:
    assert unet.parameters == pytest.approx(3_502_023, rel=1e-3)
    # Four bytes a weight, and the buffers of the batch norms beside them.
    assert unet.parameters * 4e-6 < unet.checkpoint_mb < unet.parameters * 4e-6 * 1.1
    assert 0.05e9 < unet.macs < 0.5e9


def test_times_and_memory_are_plausible(unet: NetworkCosts) -> None:
    assert 0 < unet.latency_ms_p50 <= unet.latency_ms_p90
    assert unet.latency_ms_p50_low is not None
    assert unet.latency_ms_p50_high is not None
    assert unet.latency_ms_p50_low <= unet.latency_ms_p50 <= unet.latency_ms_p50_high
    assert unet.latency_ms_p99 is None
    assert unet.whole_ms_p50 is not None
    assert unet.whole_ms_p50 > 0
    assert unet.latency_samples >= 5
    assert unet.throughput_img_s > 0
    assert unet.device_memory_mb is None
    assert unet.peak_memory_mb == unet.peak_process_memory_mb
    assert unet.runtime_memory_mb < unet.peak_memory_mb < unet.runtime_memory_mb + 1000


def test_quick_leaves_training_unmeasured(unet: NetworkCosts) -> None:
    assert unet.train_peak_memory_mb is None
    assert unet.train_batch_size is None
    assert unet.train_steps_per_second is None


def test_forms(unet: NetworkCosts) -> None:
    assert tuple(unet.columns()) == COST_COLUMNS
    plain = json.loads(json.dumps(unet.as_dict(), allow_nan=False))
    assert set(plain) == {field.name for field in fields(NetworkCosts)}
    assert NetworkCosts(**plain) == unet


def test_a_measurement_that_fails_says_why() -> None:
    config = load_space("unet").baseline.model_copy(update={"architecture": "no_such_model"})
    with pytest.raises(RuntimeError, match=r"no_such_model with mobilenet_v2 failed: .*not a model"):
        measure_costs(config, classes=7, quick=True)
