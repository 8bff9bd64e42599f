"""A runtime in the place of a PyTorch model, for whatever only asks a model to predict."""

import torch
from torch import Tensor, nn

from trainables.runtimes.runtime import Runtime


class RuntimeModel(nn.Module):
    """A runtime in the place of a model: it predicts, and nothing else."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self._runtime = runtime
        # Evaluations ask a parameter where images shall lie.
        self.place = nn.Parameter(torch.zeros(()), requires_grad=False)

    def probabilities(self, images: Tensor) -> Tensor:
        """As `SegmentationModel.probabilities`, window by window: runtimes are compiled for one image."""
        maps = []
        for image in torch.split(images.contiguous(), 1):
            placed = self._runtime.place(image.numpy())
            maps.append(torch.from_numpy(self._runtime.probabilities(self._runtime.run(placed))))
        return torch.cat(maps)
