import copy
import math
from itertools import pairwise
from typing import Any

import pytest
import torch

from tests.trainables.small_model import SmallModel
from tests.trainables.small_trial import small_config, small_schedule
from trainables.training.optimisation import (
    clipped_step,
    create_optimizer,
    learning_rate_factor,
    optimised_parameters,
    set_learning_rates,
)

SCHEDULE = small_schedule(max_steps=100, eval_every=10, warmup_steps=10)


def optimizer(**changes: Any) -> tuple[SmallModel, torch.optim.Optimizer]:
    torch.manual_seed(0)
    config = small_config(weight_decay=0.1, **changes)
    model = SmallModel(config, classes=4)
    return model, create_optimizer(config, model)


def test_warm_up_then_half_a_cosine_to_zero() -> None:
    factors = [learning_rate_factor(step, SCHEDULE) for step in range(101)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert factors[10] == 1
    assert factors[55] == pytest.approx(0.5)
    assert factors[99] == pytest.approx(0.5 * (1 + math.cos(math.pi * 89 / 90)))
    assert factors[100] == 0
    assert all(a >= b for a, b in pairwise(factors[10:]))


def test_a_training_that_only_warms_up() -> None:
    schedule = small_schedule(max_steps=4, warmup_steps=4)
    assert [learning_rate_factor(step, schedule) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_two_learning_rates_and_decay_of_kernels_only(kind: str) -> None:
    model, made = optimizer(optimizer=kind, learning_rate=0.01, decoder_learning_rate_factor=5.0)
    assert set_learning_rates(made, 4, SCHEDULE) == pytest.approx(0.005)
    encoder = {id(parameter) for parameter in model.encoder_parameters()}
    seen = []
    for group in made.param_groups:
        for parameter in group["params"]:
            seen.append(id(parameter))
            assert group["lr"] == pytest.approx(0.005 if id(parameter) in encoder else 0.025)
            assert group["weight_decay"] == (0.1 if parameter.ndim > 1 else 0.0)
    assert sorted(seen) == sorted(id(parameter) for parameter in model.parameters())


def test_gradients_are_clipped_together() -> None:
    model, made = optimizer(optimizer="sgd", momentum=0.0)
    for group in made.param_groups:
        group["weight_decay"] = 0.0
        group["lr"] = 1.0
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 3.0)
    norm = clipped_step(made, optimised_parameters(made), 0.5, torch.amp.GradScaler("cpu", enabled=False))
    assert float(norm) == pytest.approx(3.0 * sum(parameter.numel() for parameter in model.parameters()) ** 0.5)
    moved = torch.cat([(b - p.detach()).flatten() for b, p in zip(before, model.parameters(), strict=True)])
    assert float(moved.norm()) == pytest.approx(0.5, rel=1e-4)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_momentum_starts_as_torch_starts_it() -> None:
    model, made = optimizer(optimizer="sgd", momentum=0.9)
    other = copy.deepcopy(model)
    plain = torch.optim.SGD(other.parameters(), lr=0.1, momentum=0.9)
    for group in made.param_groups:
        group["lr"], group["weight_decay"] = 0.1, 0.0
    for step in range(3):
        for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
            mine.grad, theirs.grad = torch.full_like(mine, step - 0.5), torch.full_like(mine, step - 0.5)
        made.step()
        plain.step()
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)
