"""That convolutions made fast for bfloat16 on CPUs are convolutions, in every precision."""

import copy

import pytest
import torch
from torch import Tensor, nn

from spaces.configuration import TrialConfig
from trainables.models import create_model
from trainables.models.dilated_convolution import DilatedConv2d, replace_dilated
from trainables.models.strided_depthwise import StridedDepthwiseConv2d, replace_strided_depthwise


def gradients(module: nn.Module, features: Tensor, weight: Tensor) -> list[Tensor]:
    features = features.clone().requires_grad_()
    result = module(features)
    return [result, *torch.autograd.grad(result, [features, *module.parameters()], weight.to(result.dtype))]


CASES = [
    (nn.Conv2d(8, 6, 3, padding=rate, dilation=rate, bias=False), (2, 8, *size))
    for rate in (2, 6, 18)
    for size in ((16, 16), (7, 20))
] + [(nn.Conv2d(8, 8, 3, padding=1, stride=2, groups=8, bias=False), (2, 8, 15, 16))]


@pytest.mark.parametrize(("plain", "shape"), CASES)
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_results_and_gradients_are_the_convolutions(
    plain: nn.Conv2d, shape: tuple[int, ...], channels_last: bool, dtype: torch.dtype
) -> None:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    plain = copy.deepcopy(plain).to(memory_format=layout)  # type: ignore[call-overload]
    fast = nn.Sequential(copy.deepcopy(plain))
    replace_dilated(fast)
    replace_strided_depthwise(fast)
    assert type(fast[0]) in (DilatedConv2d, StridedDepthwiseConv2d)
    torch.manual_seed(0)
    features = torch.randn(shape).contiguous(memory_format=layout)
    weight = torch.randn_like(plain(features))
    expected = gradients(plain, features, weight)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        found = gradients(fast, features, weight)
        with torch.no_grad():
            torch.testing.assert_close(fast(features), found[0].detach())
    assert found[0].dtype == dtype
    # Numbers in bfloat16 are off by up to 0.4 %, and so are sums of them where they do not cancel.
    tolerance = 1e-5 if dtype == torch.float32 else 0.01
    for one, other in zip(found, expected, strict=True):
        assert (one.float() - other).norm() <= tolerance * other.norm()


@pytest.mark.parametrize(("plain", "shape"), [CASES[0], CASES[-1]], ids=["dilated", "strided"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_they_are_traced_whole(plain: nn.Conv2d, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """As whole models are in `test_model_contract`: a compiler need not leave the graph for them."""
    torch.compiler.reset()
    fast = nn.Sequential(copy.deepcopy(plain))
    replace_dilated(fast)
    replace_strided_depthwise(fast)
    compiled = torch.compile(fast, backend="eager", fullgraph=True, dynamic=False)
    features = torch.randn(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        found, expected = compiled(features), fast(features)
    assert found.dtype == dtype
    torch.testing.assert_close(found, expected)
    (gradient,) = torch.autograd.grad(found.float().square().mean(), [features])
    assert gradient.any()


@pytest.mark.parametrize(
    "other",
    [
        nn.Conv2d(8, 8, 3, padding=2, dilation=2),
        nn.Conv2d(8, 8, 3, padding=1, dilation=2, bias=False),
        nn.Conv2d(8, 8, 5, padding=2, dilation=2, bias=False),
        nn.Conv2d(8, 8, 3, padding=1, bias=False),
        nn.Conv2d(8, 8, 3, padding=1, stride=2, bias=False),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
    ],
)
def test_other_convolutions_are_left_alone(other: nn.Conv2d) -> None:
    module = nn.Sequential(other)
    replace_dilated(module)
    replace_strided_depthwise(module)
    assert type(module[0]) is nn.Conv2d


@pytest.mark.parametrize(
    ("architecture", "encoder", "kind", "count"),
    [
        ("unet", "mobilenet_v2", StridedDepthwiseConv2d, 4),
        ("unetplusplus", "mobilenet_v2", StridedDepthwiseConv2d, 4),
        ("deeplabv3plus", "resnet50", DilatedConv2d, 6),
    ],
)
def test_models_have_them(architecture: str, encoder: str, kind: type[nn.Module], count: int) -> None:
    model = create_model(TrialConfig(architecture=architecture, encoder=encoder), classes=2)
    assert sum(isinstance(module, kind) for module in model.modules()) == count
