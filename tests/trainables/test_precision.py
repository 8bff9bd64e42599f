import pytest
import torch

from trainables.precision import ComputeLayout, recommended_layout


def test_bfloat16_computes_convolutions_in_bfloat16() -> None:
    convolution, images = torch.nn.Conv2d(3, 4, 3), torch.randn(1, 3, 8, 8)
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with ComputeLayout(precision, channels_last=False).computing(torch.device("cpu")):  # type: ignore[arg-type]
            assert convolution(images).dtype == dtype


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"amx_bf16": True}, "bfloat16"),
        ({"avx512_bf16": True}, "bfloat16"),
        ({"avx2": True}, "float32"),
        ({}, "float32"),
    ],
)
def test_cpus_with_native_bfloat16_use_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], precision: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    layout = recommended_layout("cpu")
    assert layout.precision == precision
    assert layout.channels_last


@pytest.mark.parametrize(("capability", "precision"), [((8, 9), "bfloat16"), ((7, 5), "float32")])
def test_gpus_from_ampere_on_use_bfloat16(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], precision: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert recommended_layout("cuda") == ComputeLayout(precision, channels_last=precision == "bfloat16")  # type: ignore[arg-type]
