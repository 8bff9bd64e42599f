"""A step's gradients with less memory: the batch goes through the network in pieces."""

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from trainables.training.model_buffers import ModelBuffers

SMALLEST = 2
"""Images of the smallest micro-batch: batch norm behind a global pooling needs two."""


def pieces(count: int, limit: int | None) -> list[slice]:
    """Cut a batch into pieces as equal as possible.

    Args:
        count: Images of the batch, at least 2.
        limit: Images that a piece may have, at least 2; None for all.

    Returns:
        Slices that cover the batch in order. None holds a single image, for which an odd batch in pieces of 2
        has one of 3.
    """
    if limit is None or count <= limit:
        return [slice(0, count)]
    number = min(-(-count // limit), count // SMALLEST)
    sizes = [count // number + (index < count % number) for index in range(number)]
    return [slice(start, end) for start, end in pairwise(accumulate(sizes, initial=0))]


def backward_in_pieces(
    forward: Callable[[int, slice], Tensor],
    objective: Callable[[Tensor], tuple[Tensor, Tensor]],
    parts: Sequence[slice],
    buffers: ModelBuffers,
    scaled: Callable[[Tensor], Tensor],
) -> Tensor:
    """Accumulate the gradients of a loss over a whole batch, with the network's memory for one piece at a time.

    GradCache (Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup", arXiv
    2101.06983): all pieces pass without a graph, the loss of ALL logits together gives its gradient with respect to
    them, and each piece passes again with a graph, through which its part of that gradient flows back. So losses that
    are no mean over images, such as Dice, are those of the whole batch; only batch norm, which sees a piece at a time,
    and dropout differ. It costs a second forward pass.

    Batch norm's running statistics move once, towards the mean of the pieces' statistics.

    Args:
        forward: Logits of a piece, given its number and place in the batch; called twice for each piece, it must give
            the same both times, dropout included.
        objective: The loss of all logits, and its terms without a graph.
        parts: The pieces, in order.
        buffers: The network's, kept as they were before this step.
        scaled: Scales the loss before its gradient is taken.

    Returns:
        The objective's terms.
    """
    outputs = []
    statistics = buffers.zeros()
    with torch.no_grad():
        for index, part in enumerate(parts):
            buffers.restore()
            outputs.append(forward(index, part))
            buffers.add_to(statistics, share=(part.stop - part.start) / parts[-1].stop)
    logits = torch.cat(outputs).requires_grad_()
    outputs.clear()
    total, terms = objective(logits)
    (gradient,) = torch.autograd.grad(scaled(total), logits)
    # What the second passes need the memory for.
    del logits, total
    for index, part in enumerate(parts):
        buffers.restore()
        torch.autograd.backward(forward(index, part), gradient[part])
    buffers.set_floats(statistics)
    return terms
