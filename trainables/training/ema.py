"""The moving average of a model's weights: the teacher, and the model that is evaluated and kept."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from trainables.models.segmentation_model import SegmentationModel


class ModelAverage:
    """Average of a model over its training steps (Mean Teacher, Tarvainen and Valpola 2017).

    After update t (counted from 0) the decay was min(1 - 1 / (t + 1), decay): at first the plain mean of all
    models so far, so that the initial weights, which know nothing, are gone after the first update. Buffers
    belong to the average: floating ones (batch norm's means and variances) are averaged like weights, as
    UniMatch V2 does, whole numbers are copied.

    Attributes:
        model: The averaged model, in evaluation mode and without gradients.
        updates: Updates so far.
    """

    def __init__(self, model: SegmentationModel, decay: float) -> None:
        """Start as a copy.

        Args:
            model: The model to follow.
            decay: Share of the average that one update keeps, after the warm-up.
        """
        self.model = deepcopy(model).eval().requires_grad_(requires_grad=False)
        self.updates = 0
        self._decay = decay
        # Walking through a model's modules takes longer than averaging them: the tensors are listed once.
        self._floats: list[Tensor] = []
        self._followed_floats: list[Tensor] = []
        self._counts: list[Tensor] = []
        self._followed_counts: list[Tensor] = []
        for mine, followed in zip(_tensors(self.model), _tensors(model), strict=True):
            if mine.is_floating_point():
                self._floats.append(mine)
                self._followed_floats.append(followed)
            else:
                self._counts.append(mine)
                self._followed_counts.append(followed)

    @torch.no_grad()
    def update(self) -> None:
        """Take in the followed model as it is now."""
        decay = min(1 - 1 / (self.updates + 1), self._decay)
        torch._foreach_lerp_(self._floats, self._followed_floats, 1 - decay)
        if self._counts:
            torch._foreach_copy_(self._counts, self._followed_counts)
        self.updates += 1

    def state_dict(self) -> dict[str, Any]:
        """The averaged model's state and the number of updates; refers to the live tensors."""
        return {"model": self.model.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of `state_dict`."""
        self.model.load_state_dict(state["model"])
        self.updates = int(state["updates"])


def _tensors(model: SegmentationModel) -> list[Tensor]:
    return [*(parameter.detach() for parameter in model.parameters()), *model.buffers()]
