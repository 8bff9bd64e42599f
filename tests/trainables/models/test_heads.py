"""That heads computed as one convolution, or as one with the layer before, are the heads."""

import pytest
import torch
from torch import Tensor, nn

from trainables.models.heads import SegmentationHeads


def heads(*, dropout: float = 0.3, kernel_size: int = 3) -> SegmentationHeads:
    torch.manual_seed(0)
    return SegmentationHeads(8, 4, count=3, dropout=dropout, kernel_size=kernel_size).double()


def layers(module: SegmentationHeads) -> list[tuple[nn.Module, nn.Module]]:
    """Dropout and convolution of each head."""
    return [(head.get_submodule("0"), head.get_submodule("1")) for head in module.heads]


def one_by_one(module: SegmentationHeads, features: Tensor) -> Tensor:
    """Each head by its own layers, every image by itself under the noise that it has in the batch."""
    dropped = [dropout(torch.ones_like(features[:, :, :1, :1])) for dropout, _ in layers(module)]
    convolutions = [convolution for _, convolution in layers(module)]
    return torch.cat([one(features * kept) for one, kept in zip(convolutions, dropped, strict=True)], dim=1)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kernel_size", [1, 3])
def test_one_convolution_is_all_heads(training: bool, kernel_size: int) -> None:
    module = heads(kernel_size=kernel_size).train(training)
    features = torch.randn(5, 8, 6, 7, dtype=torch.float64)
    torch.manual_seed(1)
    found = module(features)
    torch.manual_seed(1)
    torch.testing.assert_close(found, one_by_one(module, features))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [(2, 3), (5, 4)])
def test_enlarging_and_classifying_at_once_is_one_after_the_other(training: bool, size: tuple[int, int]) -> None:
    module = heads().train(training)
    enlarge = nn.ConvTranspose2d(6, 8, 2, stride=2).double()
    features = torch.randn(3, 6, *size, dtype=torch.float64).requires_grad_()
    torch.manual_seed(1)
    found = module.classify_enlarged(features, enlarge)
    torch.manual_seed(1)
    expected = one_by_one(module, enlarge(features))
    torch.testing.assert_close(found, expected)
    inputs = [features, *enlarge.parameters(), *module.parameters()]
    weight = torch.randn_like(found)
    for one, other in zip(
        torch.autograd.grad(found, inputs, weight), torch.autograd.grad(expected, inputs, weight), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_heads_drop_different_channels_in_each_image() -> None:
    module = heads(dropout=0.5).train()
    logits = module(torch.ones(6, 8, 4, 4, dtype=torch.float64)).detach()
    assert len({round(float(one), 9) for one in logits[:, 0, 2, 2]}) > 1


def test_training_without_dropout_has_one_kernel_for_all_images() -> None:
    module = heads().train()
    for dropout, _ in layers(module):
        assert isinstance(dropout, nn.Dropout2d)
        dropout.p = 0.0
    features = torch.randn(2, 8, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(module(features), module.eval()(features))


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_an_exported_program_takes_any_number_of_images(kernel_size: int) -> None:
    module = heads(kernel_size=kernel_size).eval()
    images = torch.export.Dim("images", min=1, max=16)
    example = torch.randn(2, 8, 6, 7, dtype=torch.float64)
    program = torch.export.export(module, (example,), dynamic_shapes=({0: images},))
    features = torch.randn(5, 8, 6, 7, dtype=torch.float64)
    torch.testing.assert_close(program.module()(features), module(features))
