"""Costs measured elsewhere find their networks."""

from pathlib import Path

import numpy as np

from analysis.measured_costs import read_costs_file, with_costs
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
