"""What it takes to predict a drone photo: peak memory of the process, and megapixels per second, in each runtime.

    python -m benchmarks.predict_photo --checkpoint runs/NAME/trials/.../best.pt --data DIR

From the JPEG to its masks and areas, loading the network included and libraries not. Without `--checkpoint` the UNet's
weights are freshly drawn, which costs the same; without `--data` the photo is made of the built-in scenes.
"""

import tempfile
from argparse import Namespace
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.reporting import benchmark_parser, names_among, report
from spaces.command_line import EXIT_DONE, run_command
from spaces.option_types import positive
from trainables.prediction.options import DEFAULT_OVERLAP

MOST_MEMORY_MB = 2 * 1024**3 / 1e6
WIDTH, HEIGHT = 5472, 3648
QUICK_WIDTH, QUICK_HEIGHT = 320, 200

_FORMATS = {"torch_eager": None, "torch_compile": None, "onnx_runtime": "onnx", "openvino": "openvino"}


def main(words: Sequence[str]) -> int:
    """Measure, print the table and whether memory suffices."""
    options = _options(words)
    from analysis.measuring_process import MeasuringProcess

    width, height = (QUICK_WIDTH, QUICK_HEIGHT) if options.quick else (WIDTH, HEIGHT)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint = options.checkpoint or _fresh_checkpoint(folder, 64 if options.quick else 256)
        photo, first = folder / "photo.jpg", folder / "first.jpg"
        pixels = _photo(options.data, width, height)
        _write(photo, pixels)
        _write(first, pixels[:64, :64])
        for runtime in options.runtimes:
            network = _network(checkpoint, folder, _FORMATS[runtime])
            words = ["--checkpoint", str(network), "--runtime", runtime, "--threads", str(options.threads)]
            words += ["--output", str(folder / runtime), "--masks", "colour,index", "--overlap", str(options.overlap)]
            with MeasuringProcess("benchmarks.photo_prediction") as process:
                costs = process.ask(words=words, first=str(first), photo=str(photo))
            rows.append(
                {
                    "runtime": runtime,
                    "megapixels": width * height / 1e6,
                    "seconds": costs["seconds"],
                    "megapixels per s": width * height / 1e6 / costs["seconds"],
                    "peak MB": costs["peak_mb"],
                    "of it for the photo MB": costs["peak_mb"] - costs["before_mb"],
                }
            )
    most = max(row["peak MB"] for row in rows)
    report(
        f"A photo of {width} x {height} px, windows overlapping by {options.overlap:g}, {options.threads} threads",
        rows,
        options,
        within_2_GiB=most <= MOST_MEMORY_MB,
    )
    return EXIT_DONE


def _fresh_checkpoint(folder: Path, size: int) -> Path:
    import torch

    from spaces.loading import load_space
    from trainables.checkpoint import write_checkpoint
    from trainables.data.procedural import ProceduralDataset
    from trainables.models import create_model

    config = load_space("unet").baseline.model_copy(update={"crop_size": size})
    classes = ProceduralDataset().classes
    torch.manual_seed(0)
    state = {
        "config": config.model_dump(mode="json"),
        "classes": {"names": list(classes.names), "colours": [list(colour) for colour in classes.colours]},
        "model": create_model(config, classes=len(classes.names)).state_dict(),
    }
    write_checkpoint(folder / "best.pt", state)
    return folder / "best.pt"


def _network(checkpoint: Path, folder: Path, kind: str | None) -> Path:
    """The checkpoint, or what is exported of it at the size of its crops."""
    if kind is None:
        return checkpoint
    from trainables.export.deployment import SUFFIXES, ExportSettings, write_deployed_model
    from trainables.trained_network import read_trained_network

    trained = read_trained_network(checkpoint)
    target = folder / f"exported{SUFFIXES[kind]}"
    write_deployed_model(trained, target, ExportSettings(format=kind, size=trained.config.crop_size))
    return target


def _photo(data: str | None, width: int, height: int) -> NDArray[np.uint8]:
    """A photo of the wanted size, tiled from the images of a data set."""
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    images = _images(data)
    top = 0
    while top < height:
        left, lowest = 0, height
        while left < width:
            image = next(images)[: height - top, : width - left]
            rows, columns = image.shape[:2]
            canvas[top : top + rows, left : left + columns] = image
            left, lowest = left + columns, min(lowest, top + rows)
        top = lowest
    return canvas


def _images(data: str | None) -> Iterator[NDArray[np.uint8]]:
    """Images of a data set, again and again."""
    from trainables.data.opening import DataSource

    dataset = DataSource(root=data, seed=0).open()
    for turn in count():
        yield dataset.read_image(dataset.records[turn % min(24, len(dataset.records))])


def _write(path: Path, pixels: NDArray[np.uint8]) -> None:
    from PIL import Image

    Image.fromarray(np.ascontiguousarray(pixels)).save(path, quality=92)


def _options(words: Sequence[str]) -> Namespace:
    parser = benchmark_parser("predict_photo", "Memory and speed of predicting one drone photo.")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="a best.pt (freshly drawn weights of the UNet)")
    parser.add_argument("--data", metavar="DIR", help="whose images the photo is made of (built-in scenes)")
    parser.add_argument(
        "--runtimes",
        type=names_among("--runtimes", _FORMATS),
        default=("torch_eager", "onnx_runtime", "openvino"),
        metavar="NAMES",
        help="with commas between",
    )
    parser.add_argument("--overlap", type=float, default=DEFAULT_OVERLAP, metavar="SHARE", help="of a window's side")
    parser.add_argument("--threads", type=positive, default=2, metavar="N", help="threads that compute")
    return parser.parse_args(words)


if __name__ == "__main__":
    run_command(main)
