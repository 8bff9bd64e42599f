"""Costs measured elsewhere find their networks."""

from pathlib import Path

import numpy as np
import pytest

from analysis.benchmark import csv_text, row_of
from analysis.cost_settings import MeasuredNetwork
from analysis.costs import NetworkCosts
from analysis.measured_costs import DEVICE_SETTING, read_costs_file, with_costs
from analysis.tables import CONFIG_PREFIX, NETWORK_COLUMNS, configuration_of
from spaces.errors import InputError
from tests.analysis.example_results import make_results


def costs_of(text: str, folder: Path) -> Path:
    path = folder / "costs.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_row_goes_to_the_trials_that_equal_it(tmp_path: Path) -> None:
    results = make_results(finalists=False)
    heads = results.trials["config.heads"].astype(float)
    heads[results.trials["trial_id"] == "unet-1"] = 5
    results.trials["config.heads"] = heads
    path = costs_of("space,heads,latency_ms_p50\nunet,3,10\nunet,5,20\nunetplusplus,,30\n", tmp_path)
    changed = with_costs(results, read_costs_file(path))
    latency = changed.trials.set_index("trial_id")["latency_ms_p50"]
    assert latency["unet-0"] == 10
    assert latency["unet-1"] == 20
    assert latency["unetplusplus-2"] == 30
    assert sorted(changed.costs["latency_ms_p50"]) == [10, 20, 30]


def test_only_whole_lines_are_comments(tmp_path: Path) -> None:
    table = read_costs_file(
        costs_of("# board; 2 threads\nname,architecture,latency_ms_p50\nlight #2,unet,10\n", tmp_path)
    )
    assert table["latency_ms_p50"].tolist() == [10]


def test_figures_of_two_devices_never_stand_side_by_side(tmp_path: Path) -> None:
    results = make_results()
    path = costs_of("config.architecture,latency_ms_p50,device\nunet,10,board\n", tmp_path)
    changed = with_costs(results, read_costs_file(path))
    assert np.isnan(changed.trials["throughput_img_s"]).all()
    others = changed.trials[changed.trials["space"] != "unet"]
    assert np.isnan(others["latency_ms_p50"]).all()
    assert set(changed.costs["space"]) == {"unet"}
    assert results.trials["latency_ms_p50"].notna().all()


def test_one_input_size_for_all_is_no_identity_but_several_are(tmp_path: Path) -> None:
    one = read_costs_file(costs_of("architecture,input_size,macs\nunet,512,1\nunetplusplus,512,2\n", tmp_path))
    assert "crop_size" not in one
    several = read_costs_file(costs_of("architecture,input_size,macs\nunet,256,1\nunet,512,2\n", tmp_path))
    assert several["crop_size"].tolist() == [256, 512]
    changed = with_costs(make_results(spaces=("unet",)), several)
    assert set(changed.trials["macs"]) == {1.0}


def measured(latency_ms: float) -> NetworkCosts:
    """What the measuring process answers, without running it."""
    return NetworkCosts(
        architecture="unet",
        encoder="mobilenet_v2",
        input_size=256,
        classes=4,
        parameters=3_499_541,
        macs=1,
        checkpoint_mb=14.0,
        latency_ms_p50=latency_ms,
        latency_ms_p90=latency_ms,
        latency_samples=5,
        throughput_img_s=1.0,
        throughput_batch_size=1,
        peak_memory_mb=1.0,
        runtime_memory_mb=1.0,
        device="board",
        runtime="PyTorch eager",
        precision="float32",
        layout="channels_last",
        threads=1,
        torch_version="2",
    )


@pytest.mark.parametrize(
    ("name", "value"), [("heads", 5), ("decoder_width", 0.7), ("image_scale", 0.1), ("crop_size", 320)]
)
def test_rows_of_the_benchmark_tell_networks_apart(name: str, value: float, tmp_path: Path) -> None:
    results = make_results(spaces=("unet",), finalists=False)
    trials = results.trials
    trials[CONFIG_PREFIX + name] = trials[CONFIG_PREFIX + name].astype(type(value))
    trials.loc[trials["trial_id"] == "unet-1", CONFIG_PREFIX + name] = value
    rows = [
        row_of(MeasuredNetwork(trial_id, configuration_of(row), 4), measured(latency))
        for (_, row), trial_id, latency in zip(trials.iloc[:2].iterrows(), ("a", "b"), (10.0, 20.0), strict=True)
    ]
    table = read_costs_file(costs_of(csv_text(rows), tmp_path))
    assert {column.removeprefix(CONFIG_PREFIX) for column in NETWORK_COLUMNS} <= set(table.columns)
    changed = with_costs(results, table)
    assert changed.trials["latency_ms_p50"].tolist() == [10.0, 20.0, 10.0, 10.0]
    # Without the column nobody knows which network a row is about.
    with pytest.raises(InputError, match=f"networks of {name} .*{value}"):
        with_costs(results, table.drop(columns=[name, "input_size"]).iloc[:1])


def test_networks_that_no_trial_has_are_named(tmp_path: Path) -> None:
    table = read_costs_file(costs_of("architecture,crop_size,macs\nunet,512,1\n", tmp_path))
    with pytest.raises(InputError, match=r"no row matches .*crop_size is 512 in the rows and 256 in the search"):
        with_costs(make_results(), table)


RUNTIMES = """# board; 2 threads
space,runtime,precision,latency_ms_p50,device
unet,OpenVINO,int8,5,board
unet,PyTorch eager,float32,50,board
"""


def test_of_several_runtimes_the_one_that_searches_measure_is_taken(tmp_path: Path) -> None:
    changed = with_costs(make_results(spaces=("unet",)), read_costs_file(costs_of(RUNTIMES, tmp_path)))
    assert set(changed.trials["latency_ms_p50"]) == {50.0}
    assert changed.settings[DEVICE_SETTING] == "board"


def test_a_runtime_that_stands_alone_is_taken_and_named(tmp_path: Path) -> None:
    alone = RUNTIMES.replace("unet,PyTorch eager,float32,50,board\n", "")
    changed = with_costs(make_results(spaces=("unet",)), read_costs_file(costs_of(alone, tmp_path)))
    assert set(changed.trials["latency_ms_p50"]) == {5.0}
    assert changed.settings[DEVICE_SETTING] == "board (OpenVINO int8)"


def test_several_runtimes_without_that_one_are_ambiguous(tmp_path: Path) -> None:
    path = costs_of(RUNTIMES.replace("PyTorch eager", "ONNX Runtime"), tmp_path)
    with pytest.raises(InputError, match=r"several runtimes \(OpenVINO int8; ONNX Runtime float32\)"):
        read_costs_file(path)
