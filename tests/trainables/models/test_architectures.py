"""What is particular to one architecture: sizes that were fixed in numbers, taps, encoders that fit."""

import pytest
import torch

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.models import create_model
from trainables.models.decoder_blocks import scaled_channels
from trainables.models.unet import MobileNetV2Taps


def parameters(architecture: str, encoder: str, heads: int) -> int:
    config = TrialConfig(architecture=architecture, encoder=encoder, heads=heads)
    return sum(p.numel() for p in create_model(config, classes=7).parameters())


@pytest.mark.parametrize(
    ("architecture", "encoder", "stated", "planned"),
    [
        ("unet", "mobilenet_v2", 3_502_023, 3_499_541),
        ("deeplabv3plus", "resnet50", 40_354_247, 40_352_181),
        ("unetplusplus", "mobilenet_v2", 6_827_621, 6_827_621),
    ],
)
def test_parameter_counts(architecture: str, encoder: str, stated: int, planned: int) -> None:
    found = parameters(architecture, encoder, heads=3)
    assert found == planned
    assert found == pytest.approx(stated, rel=1e-3)


def test_unetplusplus_with_one_head_has_the_size_of_smps() -> None:
    import segmentation_models_pytorch as smp

    reference = smp.UnetPlusPlus("mobilenet_v2", encoder_weights=None, classes=7)
    assert parameters("unetplusplus", "mobilenet_v2", heads=1) == sum(p.numel() for p in reference.parameters())


@torch.inference_mode()
def test_unet_taps_mobilenet_at_the_stem_and_before_the_last_convolution() -> None:
    encoder = MobileNetV2Taps()
    features = encoder(torch.zeros(1, 3, 64, 96))
    assert [tuple(feature.shape[1:]) for feature in features] == [
        (3, 64, 96),
        (32, 32, 48),
        (24, 16, 24),
        (32, 8, 12),
        (96, 4, 6),
        (320, 2, 3),
    ]
    assert not any(key.startswith("features.18") for key in encoder.state_dict())


@pytest.mark.parametrize(
    ("architecture", "encoder"),
    [
        ("unet", "resnet18"),
        ("unet", "tu-convnext_atto"),
        ("unetplusplus", "efficientnet-b0"),
        ("deeplabv3plus", "mobilenet_v2"),
    ],
)
@torch.inference_mode()
def test_other_encoders(architecture: str, encoder: str) -> None:
    model = create_model(TrialConfig(architecture=architecture, encoder=encoder), classes=2).eval()
    assert model(torch.zeros(1, 3, 64, 96)).shape == (1, 3, 2, 64, 96)


@pytest.mark.parametrize(
    ("architecture", "encoder", "reason"),
    [
        ("unet", "mobilenet_v9", "not an encoder"),
        ("unet", "tu-nothing", "Unknown model"),
        ("unetplusplus", "mit_b0", "no features at 1/2"),
        ("deeplabv3plus", "densenet121", "dilated"),
    ],
)
def test_an_encoder_that_does_not_fit_is_bad_input(architecture: str, encoder: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        create_model(TrialConfig(architecture=architecture, encoder=encoder), classes=2)
    assert str(caught.value).startswith(f"encoder: {encoder!r}")
    assert "mobilenet_v2" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("channels", "width", "expected"),
    [(256, 1.0, 256), (48, 1.0, 48), (48, 0.75, 40), (16, 0.25, 8), (32, 1.1, 32), (64, 4.0, 256)],
)
def test_scaled_channels(channels: int, width: float, expected: int) -> None:
    assert scaled_channels(channels, width) == expected
