"""PyTorch through `torch.compile`."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from trainables.runtimes.torch_eager import TorchEager


class TorchCompile(TorchEager):
    """Each batch size is compiled by itself, when it first comes: the first inference holds the compilation.

    Attributes:
        backend: What makes the code, as `torch.compile` names it.
    """

    compiles_batch_sizes: ClassVar[bool] = True
    backend: ClassVar[str] = "inductor"

    def compile(self) -> None:
        """Wrap the network; the compiler runs at the first inference."""
        super().compile()
        self._compiled: Any = torch.compile(self.model.probabilities, dynamic=False, backend=self.backend)

    @torch.inference_mode()
    def run(self, placed: Tensor) -> Tensor:
        """Probabilities, on the device."""
        with self._layout.computing(self._device):
            result: Tensor = self._compiled(placed)
        return result
