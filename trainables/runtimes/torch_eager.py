"""PyTorch, operator by operator."""

from typing import Any, ClassVar

import numpy as np
import segmentation_models_pytorch  # noqa: F401 - its import is no part of loading a network
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.compute.precision import ComputeLayout
from trainables.compute.process_memory import MEGABYTE
from trainables.data.augmentation import normalised
from trainables.models import create_model
from trainables.runtimes.runtime import Runtime


class TorchEager(Runtime):
    """`SegmentationModel.probabilities` without gradients; weights stay float32, lower precisions by autocast."""

    takes_tensors: ClassVar[bool] = True

    def load(self) -> None:
        """Build the network and read its weights."""
        torch.set_num_threads(self.circumstances.threads)
        self._device = torch.device(self.circumstances.device)
        self._layout = ComputeLayout(
            self.circumstances.precision,  # type: ignore[arg-type]
            channels_last=self.circumstances.layout == "channels_last",
        )
        self.model = create_model(self.files.config, classes=self.files.classes).eval()
        state = torch.load(self.files.weights, map_location="cpu", weights_only=True)
        self.model.load_state_dict(state if self.files.single is None else state["model"])

    def compile(self) -> None:
        """Move the network to the device; there is nothing to compile."""
        model: Any = self.model.to(self._device)
        self.model = model.to(memory_format=self._layout.memory_format)

    def place(self, images: NDArray[np.float32]) -> Tensor:
        """Copy images to the device, in the memory layout asked for."""
        return torch.from_numpy(images).to(self._device).contiguous(memory_format=self._layout.memory_format)

    def place_pixels(self, pixels: NDArray[np.uint8]) -> Tensor:
        """Send bytes, normalise them on the device."""
        return normalised(torch.from_numpy(pixels), self._device, channels_last=self._layout.channels_last)

    @torch.inference_mode()
    def run(self, placed: Tensor) -> Tensor:
        """Probabilities, on the device."""
        with self._layout.computing(self._device):
            return self.model.probabilities(placed)

    def probabilities(self, output: Tensor) -> NDArray[np.float32]:
        """Copy them from the device."""
        result: NDArray[np.float32] = output.cpu().contiguous().numpy()
        return result

    def classes(self, output: Tensor) -> NDArray[np.uint8]:
        """Choose on the device."""
        result: NDArray[np.uint8] = output.argmax(1).to(torch.uint8).cpu().numpy()
        return result

    def threads(self) -> int:
        """As PyTorch says."""
        return torch.get_num_threads()

    def milliseconds(self, placed: Tensor) -> float:
        """On a CUDA device by its own events, since its work goes on when the call returns."""
        if self._device.type != "cuda":
            return super().milliseconds(placed)
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        torch.cuda.synchronize(self._device)
        start.record()
        self.run(placed)
        end.record()
        torch.cuda.synchronize(self._device)
        return float(start.elapsed_time(end))

    def reset_device_peak(self) -> None:
        """Of PyTorch's allocator."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)

    def device_peak_mb(self) -> float | None:
        """What PyTorch allocated."""
        if self._device.type != "cuda":
            return None
        torch.cuda.synchronize(self._device)
        return torch.cuda.max_memory_allocated(self._device) / MEGABYTE
