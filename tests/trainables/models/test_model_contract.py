"""What every registered model promises: a new architecture passes this suite by being registered."""

import copy
import functools
import inspect
import io
import itertools
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from timm.layers import DropPath
from torch import Tensor, nn

from spaces.configuration import TrialConfig
from trainables.models import create_model, model_names
from trainables.models.encoders import create_encoder
from trainables.models.segmentation_model import SegmentationModel
from trainables.models.smp_model import SmpModel

CLASSES = 7
HEADS = 3
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
DROPOUTS = (nn.Dropout, nn.Dropout2d)

every_model = pytest.mark.parametrize("name", model_names())


OWN = tuple(name for name in model_names() if not name.startswith("smp."))
ENCODERS = {"deeplabv3plus": "resnet50", "smp.manet": "resnet18", "smp.pspnet": "mobilenet_v2", "smp.unet": "mit_b0"}


def configuration(name: str, **changes: Any) -> TrialConfig:
    """Our own models as they are searched, SMP's as small as they get: they must fit, not be good."""
    if name in OWN:
        size = {"encoder": ENCODERS.get(name, "mobilenet_v2")}
    else:
        size = {"encoder": ENCODERS.get(name, "tu-lcnet_035"), "decoder_width": 0.25}
    return TrialConfig.model_validate({"architecture": name, "heads": HEADS, **size, **changes})


def create(name: str, *, seed: int = 0, **changes: Any) -> SegmentationModel:
    torch.manual_seed(seed)
    return create_model(configuration(name, **changes), classes=CLASSES)


@functools.cache
def original(name: str) -> SegmentationModel:
    """The model of seed 0; not to be changed."""
    return create(name)


def build(name: str) -> SegmentationModel:
    """A model of one's own with the weights of seed 0; copying is faster than drawing 40 million numbers."""
    return copy.deepcopy(original(name))


def images(batch: int, height: int, width: int) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def count(parameters: list[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)


@pytest.fixture(scope="module", params=model_names())
def evaluated(request: pytest.FixtureRequest) -> SegmentationModel:
    """One model of each kind, in evaluation mode, for tests that change nothing in it."""
    return build(request.param).eval()


@pytest.mark.parametrize("size", [(64, 64), (96, 96), (256, 256), (320, 320), (64, 160)])
@torch.inference_mode()
def test_logits_have_the_size_of_the_input(evaluated: SegmentationModel, size: tuple[int, int]) -> None:
    logits = evaluated(images(1, *size))
    assert logits.shape == (1, HEADS, CLASSES, *size)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


@pytest.mark.parametrize("side", [0, 1])
def test_a_size_that_does_not_fit_is_refused(evaluated: SegmentationModel, side: int) -> None:
    size = [64, 64]
    size[side] += evaluated.size_multiple // 2
    with pytest.raises(ValueError, match=f"multiples of {evaluated.size_multiple} px, not {size[0]}x{size[1]}"):
        evaluated(images(1, *size))


@torch.inference_mode()
def test_the_smallest_step_in_size_is_the_size_multiple(evaluated: SegmentationModel) -> None:
    side = 64 + evaluated.size_multiple
    assert evaluated(images(1, side, 64)).shape[-2:] == (side, 64)


@torch.inference_mode()
def test_every_image_of_a_batch_is_predicted_by_itself(evaluated: SegmentationModel) -> None:
    batch = images(2, 64, 64)
    torch.testing.assert_close(evaluated(batch)[1:], evaluated(batch[1:]), rtol=1e-4, atol=1e-4)


@every_model
@pytest.mark.parametrize("heads", [1, 5])
@torch.inference_mode()
def test_the_number_of_heads_is_the_configurations(name: str, heads: int) -> None:
    logits = create(name, heads=heads).eval()(images(1, 64, 64))
    assert logits.shape[1] == heads
    for one, other in itertools.combinations(logits.unbind(1), 2):
        assert not torch.allclose(one, other)


@every_model
def test_every_head_has_its_own_logits_and_gradients(name: str) -> None:
    model = build(name)
    heads = list(model.heads.heads)
    for index, logits in enumerate(model(images(2, 64, 64)).unbind(1)):
        model.zero_grad(set_to_none=True)
        logits.square().mean().backward(retain_graph=True)
        reached = [all(p.grad is not None and p.grad.any() for p in head.parameters()) for head in heads]
        assert reached == [other == index for other in range(HEADS)]
        assert any(p.grad is not None and p.grad.any() for p in model.encoder_parameters())


@every_model
def test_gradients_reach_every_parameter(name: str) -> None:
    model = build(name)
    labels = torch.randint(CLASSES, (4, 64, 64), generator=torch.Generator().manual_seed(2))
    torch.stack([F.cross_entropy(logits, labels) for logits in model(images(4, 64, 64)).unbind(1)]).sum().backward()
    unreached = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert unreached == []
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@every_model
@torch.inference_mode()
def test_training_differs_from_evaluation_only_by_dropout_and_batch_norm(name: str) -> None:
    model = build(name)
    batch = images(2, 64, 64)
    expected = model.eval()(batch)
    model.train()
    assert not torch.allclose(model(batch), model(batch)), "no dropout while training"
    model = build(name)
    for module in model.modules():
        if isinstance(module, (*NORMS, *DROPOUTS, DropPath)):
            module.eval()
    assert torch.equal(model(batch), expected)


@every_model
def test_dropout_of_head_i_is_5_points_more_than_of_head_i_minus_1(name: str) -> None:
    model = create(name, head_dropout=0.2)
    found = [module.p for module in model.modules() if isinstance(module, DROPOUTS) and module.p > 0]
    assert found[-HEADS:] == pytest.approx([0.2, 0.25, 0.3])


@every_model
@torch.inference_mode()
def test_state_round_trips_through_a_file(name: str) -> None:
    model = build(name)
    model(images(2, 64, 64))  # moves the statistics of the norms
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = create(name, seed=5)
    other.load_state_dict(torch.load(file, weights_only=True))
    batch = images(1, 64, 64)
    expected = model.eval()(batch)
    for again in (other.eval(), copy.deepcopy(model)):
        assert torch.equal(again(batch), expected)


@every_model
def test_channels_last_and_bfloat16_train(name: str) -> None:
    model = build(name).to(memory_format=torch.channels_last)
    batch = images(2, 64, 64).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(batch)
    assert logits.dtype == torch.bfloat16
    assert logits.flatten(1, 2).is_contiguous(memory_format=torch.channels_last)
    logits.float().square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@torch.inference_mode()
def test_layout_and_precision_hardly_change_the_prediction(evaluated: SegmentationModel) -> None:
    batch = images(2, 64, 64)
    expected = evaluated.probabilities(batch)
    other = copy.deepcopy(evaluated).to(memory_format=torch.channels_last)
    batch = batch.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(other.probabilities(batch), expected, rtol=1e-3, atol=1e-4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        reduced = other.probabilities(batch)
    assert reduced.dtype == torch.float32
    assert (reduced - expected).abs().mean() < 0.02


@torch.inference_mode()
def test_probabilities_are_the_mean_softmax_of_the_heads(evaluated: SegmentationModel) -> None:
    batch = images(2, 64, 64)
    probabilities = evaluated.probabilities(batch)
    expected = evaluated(batch).softmax(2).mean(1)
    torch.testing.assert_close(probabilities, expected)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(2, 64, 64))


def test_parameter_groups_partition_the_parameters(evaluated: SegmentationModel) -> None:
    encoder = {id(p) for p in evaluated.encoder_parameters()}
    decoder = {id(p) for p in evaluated.decoder_parameters()}
    assert encoder and decoder and not encoder & decoder
    assert len(encoder) == len(evaluated.encoder_parameters())
    assert len(decoder) == len(evaluated.decoder_parameters())
    assert encoder | decoder == {id(p) for p in evaluated.parameters()}


@every_model
def test_construction_is_a_function_of_the_seed(name: str) -> None:
    first, again, other = (model.state_dict() for model in (original(name), create(name), create(name, seed=4)))
    assert all(torch.equal(first[key], again[key]) for key in first)
    differing = {key.partition(".")[0] for key in first if not torch.equal(first[key], other[key])}
    assert differing == {"encoder", "decoder", "heads"}


@every_model
def test_the_encoder_keeps_the_weights_it_came_with(name: str) -> None:
    model = original(name)
    torch.manual_seed(0)
    untouched = create_encoder(configuration(name).encoder).state_dict()
    state = model.encoder.state_dict()
    assert state and all(torch.equal(tensor, untouched[key]) for key, tensor in state.items())


@every_model
def test_pretrained_weights_reach_the_encoder_and_nothing_else(name: str) -> None:
    model = build(name)
    before = copy.deepcopy(model.state_dict())
    torch.manual_seed(7)
    pretrained = create_encoder(configuration(name).encoder).state_dict()
    pretrained["classifier.1.weight"] = torch.zeros(10, 10)
    model.load_encoder_state(pretrained)
    for key, tensor in model.state_dict().items():
        part, _, entry = key.partition(".")
        assert torch.equal(tensor, pretrained[entry] if part == "encoder" else before[key]), key


@every_model
def test_pretrained_weights_that_do_not_fit_are_refused(name: str) -> None:
    model = build(name)
    state = copy.deepcopy(model.encoder.state_dict())
    key = next(iter(state))
    with pytest.raises(ValueError, match=f"{key}.* has shape"):
        model.load_encoder_state({**state, key: state[key][..., :1]})
    del state[key]
    with pytest.raises(ValueError, match=f"lacks 1 of .*{key}"):
        model.load_encoder_state(state)


@every_model
def test_decoder_width_scales_the_decoder_alone(name: str) -> None:
    narrow, plan, wide = (create(name, decoder_width=width) for width in (0.25, 1.0, 1.5))
    assert count(narrow.decoder_parameters()) < count(plan.decoder_parameters()) < count(wide.decoder_parameters())
    assert count(narrow.encoder_parameters()) == count(wide.encoder_parameters())
    with torch.inference_mode():
        assert narrow.eval()(images(1, 64, 64)).shape == (1, HEADS, CLASSES, 64, 64)


def test_no_convolution_before_a_norm_has_a_bias(evaluated: SegmentationModel) -> None:
    pairs = [
        (first, second)
        for module in evaluated.modules()
        if isinstance(module, nn.Sequential)
        for first, second in itertools.pairwise(module)
        if isinstance(first, nn.Conv2d) and isinstance(second, NORMS)
    ]
    assert pairs or isinstance(evaluated, SmpModel)
    assert all(convolution.bias is None for convolution, _ in pairs)


@torch.inference_mode()
def test_one_kind_of_interpolation_everywhere(evaluated: SegmentationModel, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: set[tuple[str, bool]] = set()
    interpolate = F.interpolate

    def recording(*arguments: Any, **named: Any) -> Tensor:
        given = inspect.signature(interpolate).bind(*arguments, **named).arguments
        kinds.add((given.get("mode", "nearest"), bool(given.get("align_corners"))))
        return interpolate(*arguments, **named)

    monkeypatch.setattr(F, "interpolate", recording)
    evaluated(images(1, 64, 64))
    if isinstance(evaluated, SmpModel):
        # What is built into SMP's decoders stays as their authors have it.
        assert kinds <= {("bilinear", False), ("bilinear", True)}
    else:
        assert kinds == {("bilinear", False)}


@torch.inference_mode()
def test_logits_are_those_of_each_heads_own_layers(evaluated: SegmentationModel) -> None:
    features = evaluated.decoder(evaluated.encoder(images(2, 64, 64)))
    if hasattr(evaluated.decoder, "to_full_size"):
        features = evaluated.decoder.to_full_size(features)
    heads = [F.interpolate(head(features), (64, 64), mode="bilinear") for head in evaluated.heads.heads]
    torch.testing.assert_close(evaluated(images(2, 64, 64)), torch.stack(heads, dim=1), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_feature_scales_multiply_what_the_decoder_reads(evaluated: SegmentationModel) -> None:
    batch = images(2, 64, 64)
    expected = evaluated(batch)
    ones = [torch.ones(2, channels, 1, 1) for channels in evaluated.feature_channels]
    assert torch.equal(evaluated(batch, ones), expected)
    for level in range(len(ones)):
        scales = [one.clone() for one in ones]
        scales[level][1] = 0.0
        changed = evaluated(batch, scales)
        torch.testing.assert_close(changed[0], expected[0], rtol=1e-4, atol=1e-4)
        assert not torch.equal(changed[1], expected[1]), level
    with pytest.raises(ValueError, match="zip"):
        evaluated(batch, ones[:-1])


@pytest.mark.parametrize(
    ("name", "precision"),
    # Tracing takes seconds. In float32 layers take their plainest way, and `test_cpu_convolutions` traces those that
    # take another in bfloat16, so that one model is enough, the one with convolutions that are composed.
    [(name, torch.bfloat16) for name in OWN]
    + [("unet", torch.float32)]
    # Of SMP's, one with a pooling of ours, and one whose encoder has levels without channels.
    + [("smp.pan", torch.bfloat16), ("smp.unet", torch.bfloat16)],
)
def test_a_training_pass_is_traced_whole(name: str, precision: torch.dtype) -> None:
    """A compiler that must leave the graph for Python has little to fuse."""
    torch.compiler.reset()
    model = build(name)
    plain = copy.deepcopy(model)
    compiled = torch.compile(model, backend="eager", fullgraph=True, dynamic=False)
    logits = []
    for network in (compiled, plain):
        torch.manual_seed(0)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
            logits.append(network(images(2, 64, 64)))
        logits[-1].float().square().mean().backward()
    torch.testing.assert_close(*logits, rtol=1e-2 if precision == torch.bfloat16 else 1e-4, atol=1e-2)
    for one, other in zip(model.parameters(), plain.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
