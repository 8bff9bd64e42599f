import pytest
import torch

from trainables.compute.precision import ComputeLayout, prepare_device, recommended_layout


def test_convolutions_are_computed_in_the_precision() -> None:
    convolution, images = torch.nn.Conv2d(3, 4, 3), torch.randn(1, 3, 8, 8)
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16), ("float16", torch.float16)):
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


@pytest.mark.parametrize(("capability", "precision"), [((8, 9), "bfloat16"), ((7, 5), "float16"), ((6, 1), "float32")])
def test_gpus_use_what_they_multiply(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], precision: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert recommended_layout("cuda") == ComputeLayout(precision, channels_last=precision != "float32")  # type: ignore[arg-type]


def test_losses_are_scaled_for_float16_alone() -> None:
    device = torch.device("cpu")
    for precision, scaled in (("float32", False), ("bfloat16", False), ("float16", True)):
        scaler = ComputeLayout(precision, channels_last=False).loss_scaler(device)  # type: ignore[arg-type]
        assert scaler.is_enabled() == scaled
        assert (float(scaler.scale(torch.ones(()))) > 1) == scaled


def test_only_a_gpus_settings_are_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to: list[str] = []
    monkeypatch.setattr(torch, "set_float32_matmul_precision", set_to.append)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    prepare_device(torch.device("cpu"))
    assert (set_to, torch.backends.cudnn.allow_tf32) == ([], False)
    prepare_device(torch.device("cuda:1"))
    assert (set_to, torch.backends.cudnn.allow_tf32) == (["high"], True)
