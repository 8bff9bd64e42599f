import csv
import io
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from analysis.benchmark import csv_text, data_of_a_checkpoint, find_networks, loses_accuracy, main
from analysis.cost_settings import CalibrationData
from spaces.errors import InputError
from spaces.loading import builtin_space_names, load_space
from trainables.checkpoint import write_checkpoint
from trainables.data.opening import DataSource
from trainables.data.procedural import ProceduralDataset
from trainables.data.trained_on import TrainedOn
from trainables.runtimes.names import Variant

BUILT_IN = ProceduralDataset(seed=0)


def test_models_are_named_by_their_spaces() -> None:
    networks = find_networks("unet,deeplabv3plus", [], classes=4, size=320)
    assert [network.name for network in networks] == ["unet", "deeplabv3plus"]
    assert [network.config.crop_size for network in networks] == [320, 320]
    assert {network.classes for network in networks} == {4}
    assert networks[1].config.encoder == "resnet50"
    assert len(find_networks("all", [], classes=7, size=None)) == len(builtin_space_names())


def test_a_checkpoint_brings_its_configuration_and_classes(tmp_path: Path) -> None:
    config = load_space("unet").baseline.model_copy(update={"heads": 1})
    path = tmp_path / "winner.pt"
    write_checkpoint(
        path,
        {
            "config": config.model_dump(),
            "classes": {"names": ["a", "b", "c"], "colours": [[0, 0, 0], [1, 0, 0], [2, 0, 0]]},
            "model": {},
        },
    )
    (network,) = find_networks(None, [path], classes=7, size=None)
    assert (network.name, network.config, network.classes, network.checkpoint) == ("winner", config, 3, path)
    assert network.class_names == ("a", "b", "c")


def test_checkpoints_of_one_file_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    config = load_space("unet").baseline
    paths = [tmp_path / name / "best.pt" for name in ("unet-001", "unet-002")]
    for path in paths:
        path.parent.mkdir()
        write_checkpoint(
            path,
            {
                "config": config.model_dump(),
                "classes": {"names": ["a", "b"], "colours": [[0, 0, 0], [1, 0, 0]]},
                "model": {},
            },
        )
    networks = find_networks(None, paths, classes=7, size=None)
    assert [network.name for network in networks] == ["unet-001/best", "unet-002/best"]


def test_data_of_other_classes_than_the_checkpoints_are_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "winner.pt"
    config = load_space("unet").baseline
    write_checkpoint(
        path,
        {
            "config": config.model_dump(),
            "classes": {"names": ["a", "b"], "colours": [[0, 0, 0], [1, 0, 0]]},
            "model": {},
        },
    )
    with pytest.raises(InputError, match=r"winner\.pt: knows the classes a, b, the data have __background__, "):
        main(["--checkpoint", str(path), "--quick", "--runtimes", "openvino", "--precisions", "int8"])


def test_a_checkpoint_of_something_else_is_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    write_checkpoint(path, {"weights": torch.zeros(1)})
    with pytest.raises(InputError, match=r"other\.pt: holds no configuration"):
        find_networks(None, [path], classes=7, size=None)


def checkpoint_of(path: Path, *, fingerprint: str | None) -> Path:
    """A best checkpoint without weights, of the built-in data's classes."""
    state = {"config": load_space("unet").baseline.model_dump(), "classes": asdict(BUILT_IN.classes)}
    data = None if fingerprint is None else {"fingerprint": fingerprint, "split_by": "photo", "split_seed": 5}
    write_checkpoint(path, {**state, "model": {}, "data": data})
    return path


def test_data_with_another_fingerprint_than_the_checkpoints_are_bad_input(tmp_path: Path) -> None:
    path = checkpoint_of(tmp_path / "best.pt", fingerprint="0123" * 16)
    with pytest.raises(
        InputError, match=r"best\.pt: was not trained on .* fingerprint 0123012301230123; right"
    ) as caught:
        main(["--checkpoint", str(path), "--quick", "--runtimes", "openvino", "--precisions", "int8"])
    assert "\n" not in str(caught.value)


def test_the_split_is_the_checkpoints_unless_the_user_names_another(tmp_path: Path) -> None:
    trained, untold = (
        find_networks(None, [checkpoint_of(tmp_path / name, fingerprint=fingerprint)], classes=7, size=None)[0]
        for name, fingerprint in (("trained.pt", BUILT_IN.fingerprint), ("untold.pt", None))
    )
    assert trained.trained_on == TrainedOn(BUILT_IN.fingerprint, "photo", 5)
    assert CalibrationData().split_for(trained) == {"split_by": "photo", "split_seed": 5}
    assert CalibrationData().split_for(untold) == {"split_by": "auto", "split_seed": 0}
    named = CalibrationData(split_by="capture", split_seed=0)
    assert named.split_for(trained) == {"split_by": "capture", "split_seed": 0}
    CalibrationData().check([trained, untold])


@pytest.mark.parametrize(
    ("fingerprint", "precisions", "measured"),
    [
        (BUILT_IN.fingerprint, "bfloat16", True),
        (BUILT_IN.fingerprint, "float32", False),
        (None, "bfloat16", False),
        ("0123", "bfloat16", False),
        (None, "int8", True),
    ],
)
def test_what_is_lost_is_measured_wherever_the_checkpoints_data_are_at_hand(
    tmp_path: Path, fingerprint: str | None, precisions: str, measured: bool
) -> None:
    path = checkpoint_of(tmp_path / "best.pt", fingerprint=fingerprint)
    networks = find_networks("unet", [path], classes=7, size=None)
    variants = tuple(Variant("openvino", precision) for precision in ("float32", precisions))
    assert (loses_accuracy(variants) and data_of_a_checkpoint(DataSource(), variants, networks)) == measured
    assert not data_of_a_checkpoint(DataSource(), variants, networks[:1])
    assert data_of_a_checkpoint(DataSource(root="named"), variants, networks)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "nothing to measure"),
        (["--models", "no_such_space"], "no_such_space"),
        (["--models", "unet", "--size", "100"], "--size 100: .*multiple of 32"),
        (["--models", "unet", "--classes", "1"], "the least is 2"),
        (["--models", "unet", "--threads", "0"], "the least is 1"),
        (["--models", "unet", "--threads", "x"], "invalid integer"),
        (["--models", "unet", "--device", "abacus"], "--device abacus"),
        (["--models", "unet", "--device", "meta"], "--device meta"),
        (["--models", "unet", "--device", "cuda:99"], "--device cuda:99"),
        (["--models", "unet", "--json", "no/such/folder/costs.json"], "its folder does not exist"),
        (["--models", "unet", "--csv", "."], "is a folder"),
        (["--checkpoint", "no_such_file.pt"], r"no_such_file\.pt"),
        (["--models", "unet", "--runtimes", "abacus"], "--runtimes 'abacus': unknown"),
        (["--models", "unet", "--precisions", "int8"], "none of --runtimes torch_eager has it on cpu"),
        (["--models", "unet", "--train-batch", "1"], "the least is 2"),
        (["--models", "unet", "--class-mapping", "x.csv"], "--class-mapping goes with --data"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        main(arguments)
    assert "\n" not in str(caught.value)


def test_csv_has_one_line_per_network_and_says_how_it_was_measured() -> None:
    known = {
        "device": "board",
        "threads": 2,
        "precision": "float32",
        "layout": "own",
        "throughput_batch_size": 4,
        "runtime": "OpenVINO",
        "runtime_version": "2026.4",
        "torch_version": "2.14",
    }
    text = csv_text([{"name": 'a "b", c', "macs": 1, **known}, {"name": "d", "macs": None, **known, "loss_iou_1": 0.5}])
    first, _, table = text.partition("\n")
    assert first == (
        "# board; 2 threads; precision float32; layout own; latency and memory at batch 1, throughput at batch 4; "
        "OpenVINO 2026.4; torch 2.14"
    )
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [(row["name"], row["macs"], row["loss_iou_1"]) for row in rows] == [('a "b", c', "1", ""), ("d", "", "0.5")]


def test_help_is_fast_and_loads_no_torch() -> None:
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "analysis.benchmark", "--help"],
        capture_output=True,
        check=True,
        text=True,
    )
    assert "--models" in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"torch", "pandas", "ray", "mlflow", "rich"}
    assert time.perf_counter() - started < 10
