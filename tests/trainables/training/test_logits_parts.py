import pytest
import torch

from trainables.training.logits_parts import split_images


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_parts_and_gradient_are_those_of_split_in_the_layout_of_the_logits(
    layout: torch.memory_format, dtype: torch.dtype
) -> None:
    logits = torch.randn(5, 6, 4, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    logits = logits.contiguous(memory_format=layout).requires_grad_()
    gradients = []
    for split in (torch.split, split_images):
        parts = split(logits, [2, 1, 2])
        assert [len(part) for part in parts] == [2, 1, 2]
        loss = parts[0].square().sum() + 3 * parts[2].sum()
        gradients.append(torch.autograd.grad(loss, logits)[0])
    assert torch.equal(gradients[0], gradients[1])
    assert gradients[1].stride() == logits.stride()


def test_one_part_is_the_whole() -> None:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    (part,) = split_images(logits, [2])
    part.sum().backward()
    assert torch.equal(part, logits)
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.ones_like(logits))
