"""A runtime in the place of a PyTorch model, for whatever only asks a model to predict."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.runtimes.runtime import Runtime


class RuntimeModel(nn.Module):
    """A runtime in the place of a model: it predicts, and nothing else.

    Args:
        runtime: Loaded and compiled.
        batch_size: Images that it is given at once, at most.
    """

    def __init__(self, runtime: Runtime, batch_size: int = 1) -> None:
        super().__init__()
        self._runtime = runtime
        self._batch_size = batch_size
        # Evaluations ask a parameter where images shall lie.
        device = runtime.circumstances.device if runtime.takes_tensors else "cpu"
        self.place = nn.Parameter(torch.zeros((), device=device), requires_grad=False)

    def probabilities(self, images: Tensor) -> Tensor:
        """As `SegmentationModel.probabilities`."""
        parts = [self._of_part(part) for part in torch.split(images, self._batch_size)]
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def _of_part(self, images: Tensor) -> Tensor:
        count = len(images)
        if self._runtime.compiles_batch_sizes and count < self._batch_size:
            # The last windows of all: filling them up costs less than compiling for their number.
            images = functional.pad(images, (0, 0, 0, 0, 0, 0, 0, self._batch_size - count))
        if self._runtime.takes_tensors:
            result: Tensor = self._runtime.run(images)
        else:
            placed = self._runtime.place(images.contiguous().numpy())
            result = torch.from_numpy(self._runtime.probabilities(self._runtime.run(placed)))
        return result[:count]
