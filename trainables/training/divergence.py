"""The end of a training whose numbers are no longer numbers."""

import torch
from torch import Tensor


class DivergedError(Exception):
    """A loss or a prediction became NaN or infinite.

    Attributes:
        step: Optimiser steps that were done before it happened.
    """

    def __init__(self, step: int, what: str = "loss") -> None:
        super().__init__(step, what)
        self.step = step
        self.what = what

    def __str__(self) -> str:
        return f"the {self.what} is not finite at step {self.step}"


class DivergenceWatch:
    """Finds the first step that failed, looking as seldom as the device likes.

    To look at a number means to wait until a GPU has computed it; so what was seen is kept there and looked at once in
    many steps. On a CPU the numbers are there anyway, and every step is looked at.
    """

    def __init__(self, device: torch.device, *, every: int = 50) -> None:
        """Watch a training on a device.

        Args:
            device: Where the steps' flags lie.
            every: Steps between two looks on other devices than a CPU.
        """
        self._every = 1 if device.type == "cpu" else every
        self._first = torch.full((), -1, dtype=torch.int64, device=device)

    def add(self, step: int, failed: Tensor) -> None:
        """Take in whether step number `step` failed.

        Args:
            step: Of the training, ascending from call to call.
            failed: Scalar bool on the device.

        Raises:
            DivergedError: A look found that this step or one before it failed; it names the first one.
        """
        self._first = torch.where((self._first < 0) & failed, step, self._first)
        if (step + 1) % self._every == 0:
            self.look()

    def look(self) -> None:
        """Wait for the device and look.

        Raises:
            DivergedError: Some step since the start failed; it names the first one.
        """
        first = int(self._first)
        if first >= 0:
            raise DivergedError(first)
