"""What every runtime does, and what it is given."""

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spaces.configuration import TrialConfig


@dataclass(frozen=True, slots=True)
class NetworkFiles:
    """A network on disk, in the formats that runtimes read.

    Attributes:
        folder: Where the files are.
        config: The network's configuration.
        classes: Number of classes.
        single: One file, a best checkpoint or an exported network, that takes the place of those in the folder.
    """

    folder: Path
    config: TrialConfig
    classes: int
    single: Path | None = None

    @property
    def weights(self) -> Path:
        """State dict, or a best checkpoint that holds one as "model"."""
        return self.single or self.folder / "weights.pt"

    def onnx(self, precision: str) -> Path:
        """ONNX file: int8, or float32 for all other precisions."""
        if self.single is not None:
            return self.single
        return self.folder / f"network-{'int8' if precision == 'int8' else 'float32'}.onnx"

    def openvino(self, precision: str) -> Path:
        """OpenVINO's .xml, or an ONNX file that it reads as well: int8, or float32 for all other precisions."""
        return self.single or self.onnx(precision).with_suffix(".xml")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """How a runtime is to compute.

    Attributes:
        device: "cpu", "cuda" or "cuda:N".
        precision: One of `names.PRECISIONS` that it offers.
        layout: "channels_last" or "contiguous", for runtimes that leave the choice.
        threads: CPU threads within one operator.
    """

    device: str
    precision: str
    layout: str
    threads: int


class Runtime(ABC):
    """One network in one runtime. `load`, then `compile`, then anything else.

    Attributes:
        takes_tensors: Whether `run` takes and gives tensors on the device instead of arrays.
        compiles_batch_sizes: Whether each size of batch is compiled by itself, when it first comes.
    """

    takes_tensors: ClassVar[bool] = False
    compiles_batch_sizes: ClassVar[bool] = False

    def __init__(self, files: NetworkFiles, circumstances: Circumstances) -> None:
        self.files = files
        self.circumstances = circumstances

    @abstractmethod
    def load(self) -> None:
        """Read the network from disk."""

    @abstractmethod
    def compile(self) -> None:
        """Make it ready for the device, as far as that happens before the first image."""

    @abstractmethod
    def place(self, images: NDArray[np.float32]) -> Any:
        """Put normalised images, (B, 3, H, W), where the network reads them."""

    @abstractmethod
    def place_pixels(self, pixels: NDArray[np.uint8]) -> Any:
        """Normalise (B, H, W, 3) RGB and put it where the network reads it."""

    @abstractmethod
    def run(self, placed: Any) -> Any:
        """Probabilities of the classes, in whatever form the runtime has them."""

    @abstractmethod
    def probabilities(self, output: Any) -> NDArray[np.float32]:
        """An output as (B, C, H, W)."""

    @abstractmethod
    def classes(self, output: Any) -> NDArray[np.uint8]:
        """Most probable class of each pixel, (B, H, W)."""

    @abstractmethod
    def threads(self) -> int:
        """CPU threads that it uses within one operator."""

    def milliseconds(self, placed: Any) -> float:
        """Time of one run, until its result is there."""
        started = time.perf_counter()
        self.run(placed)
        return (time.perf_counter() - started) * 1e3

    def reset_device_peak(self) -> None:
        """Forget how much of the device's own memory was used so far."""
        return

    def device_peak_mb(self) -> float | None:
        """Most memory of the device that was used since, MB; None on a CPU."""
        return None
