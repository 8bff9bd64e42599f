"""SMP's architectures with our heads: which there are, that they are SMP's own, and what can't be built."""

import pytest
import segmentation_models_pytorch as smp
import torch

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.models import create_model, model_names
from trainables.models.segmentation_model import SegmentationModel
from trainables.models.smp_model import ARCHITECTURES, PREFIX

WITHOUT_A_PYRAMID = {"dpt"}
OF_SMP = sorted(ARCHITECTURES)


def build(name: str, encoder: str = "resnet18", **changes: object) -> SegmentationModel:
    torch.manual_seed(0)
    config = {"architecture": PREFIX + name, "encoder": encoder, "heads": 1, **changes}
    return create_model(TrialConfig.model_validate(config), classes=3)


def test_all_of_smps_architectures_but_dpt_are_there() -> None:
    named = {name.removeprefix(PREFIX) for name in model_names() if name.startswith(PREFIX)}
    assert named == set(ARCHITECTURES)
    assert set(smp.MODEL_ARCHITECTURES_MAPPING) - named == WITHOUT_A_PYRAMID


@pytest.mark.parametrize("name", [name for name in OF_SMP if name != "pspnet"])
def test_with_one_head_a_model_has_the_parameters_of_smps(name: str) -> None:
    reference = smp.create_model(name, "resnet18", encoder_weights=None, classes=3)
    assert sum(p.numel() for p in build(name).parameters()) == sum(p.numel() for p in reference.parameters())


@pytest.mark.parametrize(
    "encoder", ["resnet18", "mobilenet_v2", "efficientnet-b0", "densenet121", "tu-lcnet_035", "tu-resnet10t"]
)
@torch.inference_mode()
def test_layers_that_pspnet_does_not_read_are_dropped_and_nothing_else_changes(encoder: str) -> None:
    model = build("pspnet", encoder).eval()
    reference = smp.PSPNet(encoder, encoder_weights=None, classes=3).encoder.eval()
    model.load_encoder_state(reference.state_dict())
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for ours, theirs in zip(model.encoder(images), reference(images), strict=True):
        assert torch.equal(ours, theirs)
    kept, all_of_it = (sum(p.numel() for p in part.parameters()) for part in (model.encoder, reference))
    assert kept < 0.5 * all_of_it or encoder.startswith("tu-")


@pytest.mark.parametrize(
    ("name", "encoder", "told"),
    [
        ("linknet", "mit_b0", "can't be used by smp.linknet"),
        ("pan", "vgg11", "can't be used by smp.pan"),
        ("fpn", "resnet1", "'resnet1' is not an encoder"),
        ("fpn", "timm-regnetx_002", "write tu-regnetx_002"),
        ("fpn", "timm-mobilenetv3_small_100", "write tu-tf_mobilenetv3_small_100"),
        ("fpn", "tu-nothing", "'tu-nothing' can't be used by smp.fpn"),
        ("dpt", "resnet18", "'smp.dpt' is not a model; there are"),
    ],
)
def test_what_can_not_be_built_is_told_in_one_line(name: str, encoder: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        build(name, encoder)
    assert told in str(caught.value) and "\n" not in str(caught.value)
