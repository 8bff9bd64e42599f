"""Networks made without weights that are drawn in vain: nothing but the time differs."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import init

from spaces.loading import builtin_space_names, load_space
from trainables.compute.precision import PLAIN_LAYOUT
from trainables.training.initial_model import initial_model
from trainables.training.weight_drawing import DefaultsLast, NothingDrawn

BAND = 1 / 8**0.5
"""Default weights of a linear layer of 8 inputs lie within plus and minus this."""


def default_like(weight: Tensor) -> bool:
    """Whether a layer's weight looks like torch's default, not like memory as it came or a constant."""
    values = weight.detach()
    return bool(values.abs().max() <= BAND) and float(values.std()) > BAND / 3


def linear() -> nn.Linear:
    return nn.Linear(8, 40)


def test_weights_that_nobody_replaces_are_drawn_in_the_end() -> None:
    torch.manual_seed(0)
    with DefaultsLast():
        layer = linear()
        layer.weight.shape, layer.weight.dim()
    assert default_like(layer.weight)
    torch.manual_seed(0)
    with DefaultsLast():
        again = linear()
    assert torch.equal(layer.weight, again.weight)
    assert torch.equal(layer.bias, again.bias)


def test_weights_that_are_replaced_are_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    draw = DefaultsLast._draw

    def counting(self: DefaultsLast, key: int) -> None:
        drawn.extend([key] if key in self._put_off else [])
        draw(self, key)

    monkeypatch.setattr(DefaultsLast, "_draw", counting)
    with DefaultsLast():
        layers = [linear(), linear(), linear()]
        init.zeros_(layers[0].weight)
        init.kaiming_normal_(layers[1].weight)
        init.kaiming_uniform_(layers[2].weight, nonlinearity="relu")
    assert len(drawn) == 1, "only the last one, with its own bounds"
    assert not layers[0].weight.any()
    assert float(layers[1].weight.std()) == pytest.approx((2 / 8) ** 0.5, rel=0.3)
    assert BAND < float(layers[2].weight.abs().max()) <= (6 / 8) ** 0.5


@pytest.mark.parametrize(
    "use",
    [
        lambda weight: weight * 1.0,
        lambda weight: weight.detach().clone(),
        copy.deepcopy,
        lambda weight: torch.stack([weight, weight])[0],
    ],
)
def test_whoever_looks_at_a_weight_sees_it_drawn(use: object) -> None:
    with DefaultsLast():
        layer = linear()
        seen = use(layer.weight)  # type: ignore[operator]
    assert default_like(seen)
    assert torch.equal(seen, layer.weight)


def test_a_weight_that_is_filled_through_another_name_stays_so() -> None:
    with DefaultsLast():
        layer = linear()
        other = nn.Parameter(layer.weight)
        init.ones_(other)
    assert (layer.weight == 1).all()


def test_an_error_while_a_network_is_made_draws_nothing_and_ends_the_mode() -> None:
    with pytest.raises(RuntimeError, match="made"), DefaultsLast():
        linear()
        raise RuntimeError("made wrong")
    assert default_like(linear().weight)


def test_nothing_is_drawn_where_other_weights_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_rng_state()
    with NothingDrawn():
        layer = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        init.kaiming_normal_(layer[0].weight)
        init.normal_(layer[0].bias)
    assert torch.equal(torch.get_rng_state(), before)
    assert (layer[1].weight == 1).all(), "constants are no random numbers"


@pytest.mark.parametrize("space", builtin_space_names())
def test_every_weight_of_a_built_in_network_is_finite_and_the_seeds_alone(space: str) -> None:
    config = load_space(space).baseline.model_copy(update={"decoder_width": 0.25})

    def made(seed: int | None) -> dict[str, Tensor]:
        device = torch.device("cpu")
        model = initial_model(config, 3, seed=seed, encoder_state=None, device=device, layout=PLAIN_LAYOUT)
        return dict(model.state_dict())

    first, again, other = made(1), made(1), made(2)
    assert all(bool(torch.isfinite(value).all()) for value in first.values())
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    kernels = [name for name, value in first.items() if value.ndim > 1]
    assert all(not torch.equal(first[name], other[name]) for name in kernels)
    # Memory as it comes may hold anything; a kernel that was drawn has neither a constant nor a huge deviation.
    assert all(1e-4 < float(first[name].std()) < 10 for name in kernels)
    assert made(None).keys() == first.keys()
