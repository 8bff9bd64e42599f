"""The optimiser of a trial and its learning rates."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from spaces.configuration import TrialConfig
from spaces.schedule import Schedule
from trainables.models.segmentation_model import SegmentationModel

PEAK = "peak_learning_rate"
"""Key of a parameter group's learning rate before the schedule's factor."""


def create_optimizer(config: TrialConfig, model: SegmentationModel) -> Optimizer:
    """SGD with momentum or AdamW, with two learning rates.

    The encoder learns at `learning_rate`, decoder and heads `decoder_learning_rate_factor` times as fast.
    Weight decay holds for convolution kernels only, not for biases and batch norms (He et al. 2019, "Bag of
    Tricks").

    Args:
        config: The trial's configuration.
        model: The student, already on its device in its memory layout.
    """
    rates = (config.learning_rate, config.learning_rate * config.decoder_learning_rate_factor)
    groups = [
        {"params": parameters, "lr": rate, PEAK: rate, "weight_decay": decay}
        for part, rate in zip((model.encoder_parameters(), model.decoder_parameters()), rates, strict=True)
        for parameters, decay in _by_weight_decay(list(part), config.weight_decay)
        if parameters
    ]
    if config.optimizer == "adamw":
        return AdamW(groups, fused=True)
    optimizer = SGD(groups, momentum=config.momentum, fused=True)
    if config.momentum > 0:
        # From zeros the first step is what it is without them. torch would take uninitialised memory instead, and go on
        # with that if loss scaling skips the first step.
        for parameter in optimised_parameters(optimizer):
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def _by_weight_decay(parameters: Sequence[nn.Parameter], weight_decay: float) -> list[tuple[list[nn.Parameter], float]]:
    kernels = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    return [(kernels, weight_decay), (others, 0.0)]


def learning_rate_factor(step: int, schedule: Schedule) -> float:
    """Share of the peak learning rate at a step, counted from 0: linear warm-up, then half a cosine to 0.

    The first step of a warm-up of w steps has 1 / w of the peak, step w - 1 all of it.
    """
    if step < schedule.warmup_steps:
        return (step + 1) / schedule.warmup_steps
    span = max(1, schedule.max_steps - schedule.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - schedule.warmup_steps) / span)))


def set_learning_rates(optimizer: Optimizer, step: int, schedule: Schedule) -> float:
    """Give all parameter groups their learning rate of a step.

    Returns:
        The encoder's learning rate, which is the first group's.
    """
    factor = learning_rate_factor(step, schedule)
    for group in optimizer.param_groups:
        group["lr"] = group[PEAK] * factor
    return float(optimizer.param_groups[0]["lr"])


def optimised_parameters(optimizer: Optimizer) -> list[nn.Parameter]:
    """All parameters of an optimiser, in its order; a list to be made once, since models have hundreds."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def clipped_step(
    optimizer: Optimizer, parameters: Sequence[Tensor], max_norm: float, scaler: torch.amp.GradScaler
) -> Tensor:
    """Clip the norm of all gradients together, then take the optimiser's step and drop the gradients.

    Args:
        optimizer: The optimiser.
        parameters: Its `optimised_parameters`.
        max_norm: Norm of all gradients that is not exceeded.
        scaler: What the loss was scaled with. If it was too much for a gradient, the step is skipped and the next loss
            is scaled less.

    Returns:
        Norm of the gradients before they were clipped, a scalar on the device; not finite where a gradient was not.
    """
    scaler.unscale_(optimizer)
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm, foreach=True)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
    return norm
