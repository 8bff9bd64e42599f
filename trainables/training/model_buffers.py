"""Putting back the buffers of a model, which change in every forward pass."""

import torch
from torch import Tensor, nn


class ModelBuffers:
    """Remembers a model's buffers, batch norm's running statistics, so that forward passes can be undone."""

    def __init__(self, model: nn.Module) -> None:
        """List the buffers of a model that lies on its device; they must stay the same tensors."""
        buffers = list(model.buffers())
        # By kind, because torch copies lists of tensors of one kind in one go.
        self._floats = [buffer for buffer in buffers if buffer.is_floating_point()]
        self._counts = [buffer for buffer in buffers if not buffer.is_floating_point()]
        self._kept_floats = [buffer.clone() for buffer in self._floats]
        self._kept_counts = [buffer.clone() for buffer in self._counts]

    def keep(self) -> None:
        """Remember the buffers as they are now."""
        _copy(self._kept_floats, self._floats)
        _copy(self._kept_counts, self._counts)

    def restore(self) -> None:
        """Put back what was kept."""
        _copy(self._floats, self._kept_floats)
        _copy(self._counts, self._kept_counts)

    @torch.no_grad()
    def restore_where(self, condition: Tensor) -> None:
        """Put back what was kept if a scalar bool, which stays on its device, is true."""
        for mine, kept in zip(self._floats + self._counts, self._kept_floats + self._kept_counts, strict=True):
            # Not arithmetic: what is to be undone may be NaN.
            mine.copy_(torch.where(condition, kept, mine))

    def zeros(self) -> list[Tensor]:
        """A zero for each floating buffer."""
        return [torch.zeros_like(buffer) for buffer in self._floats]

    def add_to(self, sums: list[Tensor], *, share: float) -> None:
        """Add the floating buffers as they are now, times `share`, to tensors that started as `zeros`."""
        if sums:
            torch._foreach_add_(sums, self._floats, alpha=share)

    def set_floats(self, values: list[Tensor]) -> None:
        """Give the floating buffers new values, in the order of `zeros`."""
        _copy(self._floats, values)


@torch.no_grad()
def _copy(targets: list[Tensor], sources: list[Tensor]) -> None:
    if targets:
        torch._foreach_copy_(targets, sources)
