import pytest
import torch

from spaces.loading import load_space
from trainables.export.deployed_network import DeployedNetwork
from trainables.export.subpixel_classifier import SubpixelClassifier
from trainables.models import create_model
from trainables.models.unet import Unet


def unet(heads: int) -> Unet:
    """A UNet whose biases are not zero, as initial ones are."""
    torch.manual_seed(heads)
    model = create_model(load_space("unet").baseline.model_copy(update={"heads": heads}), classes=5).eval()
    assert isinstance(model, Unet)
    for parameter in [*model.heads.parameters(), *model.decoder.to_full_size.parameters()]:
        torch.nn.init.normal_(parameter)
    return model


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("size", [(8, 12), (3, 3)])
def test_it_computes_what_the_last_two_layers_compute_borders_included(heads: int, size: tuple[int, int]) -> None:
    model = unet(heads)
    features = torch.randn(2, model.decoder.to_full_size.in_channels, *size)
    with torch.no_grad():
        logits = torch.unflatten(model.heads(model.decoder.to_full_size(features)), 1, (heads, 5))
        expected = torch.softmax(logits, dim=2).mean(1)
        found = SubpixelClassifier(model)(features)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_deployed_unet_predicts_as_the_unet() -> None:
    model = unet(3)
    images = torch.randn(2, 3, 64, 32)
    with torch.no_grad():
        torch.testing.assert_close(DeployedNetwork(model)(images), model.probabilities(images), atol=1e-5, rtol=1e-4)
