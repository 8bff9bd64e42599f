"""Where encoders start: the option, files, and the hub, without a network."""

import hashlib
import os
import socket
import string
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from huggingface_hub import constants
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from segmentation_models_pytorch.encoders import encoders as smp_encoders
from torch import Tensor

from spaces.configuration import TrialConfig
from spaces.errors import InputError
from trainables.models import create_model, encoder_hub
from trainables.models.encoder_weights import EncoderWeights, load_encoder_states, parse_encoder_weights
from trainables.models.encoders import create_encoder

NAME = "mobilenet_v2"


@pytest.fixture(scope="module")
def torchvision_state() -> dict[str, Tensor]:
    torch.manual_seed(11)
    return dict(torchvision.models.mobilenet_v2(weights=None).state_dict())


def saved(path: Path, content: object) -> EncoderWeights:
    torch.save(content, path)
    return EncoderWeights("files", ((NAME, path),))


def bad_input(choice: EncoderWeights, encoders: list[str]) -> str:
    with pytest.raises(InputError) as caught:
        load_encoder_states(choice, encoders)
    message = str(caught.value)
    assert message.startswith("--encoder-weights: ")
    assert "\n" not in message
    return message


# The option


@pytest.mark.parametrize("text", ["imagenet", "none"])
def test_words(text: str) -> None:
    choice = parse_encoder_weights(f" {text} ")
    assert choice == EncoderWeights(text)  # type: ignore[arg-type]
    assert choice.describe() == text
    assert choice.content_hashes() == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mobilenet_v2=w.pt", {"mobilenet_v2": "w.pt"}),
        ("mobilenet_v2=C:\\w.pt, resnet50=D:\\r.pt", {"mobilenet_v2": "C:\\w.pt", "resnet50": "D:\\r.pt"}),
        (
            "tu-resnet18.a1_in1k=a,b.pt,efficientnet-b0=c=d.pt",
            {"tu-resnet18.a1_in1k": "a,b.pt", "efficientnet-b0": "c=d.pt"},
        ),
    ],
)
def test_files(text: str, expected: dict[str, str]) -> None:
    choice = parse_encoder_weights(text)
    assert choice.source == "files"
    assert dict(choice.files) == {e: Path(p).absolute() for e, p in expected.items()}
    assert parse_encoder_weights(choice.describe()) == choice


def test_the_home_folder_is_expanded() -> None:
    assert parse_encoder_weights("resnet50=~/w.pt").files == (("resnet50", Path.home() / "w.pt"),)


@pytest.mark.parametrize("text", ["", "imagnet", "w.pt", "=w.pt", "resnet50=", "re snet=w.pt,"])
def test_text_that_is_none_of_these_is_bad_input(text: str) -> None:
    with pytest.raises(InputError, match=r"^--encoder-weights: .* give imagenet, none or ENCODER=PATH"):
        parse_encoder_weights(text)


def test_an_encoder_named_twice_is_bad_input() -> None:
    with pytest.raises(InputError, match="'resnet50' is named twice"):
        parse_encoder_weights("resnet50=a.pt,resnet50=b.pt")


path_text = st.text(string.ascii_letters + string.digits + "._-/\\: ", min_size=1).map(str.strip).filter(bool)


@settings(deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True), path_text, min_size=1, max_size=4))
def test_any_list_of_files_round_trips(files: dict[str, str]) -> None:
    choice = parse_encoder_weights(",".join(f"{encoder}={path}" for encoder, path in files.items()))
    assert [encoder for encoder, _ in choice.files] == list(files)
    assert all(path.is_absolute() for _, path in choice.files)
    assert parse_encoder_weights(choice.describe()) == choice


# Which encoders


def test_none_loads_nothing() -> None:
    assert load_encoder_states(EncoderWeights("none"), [NAME, "resnet50"]) == {}


def test_an_encoder_that_the_list_leaves_out_is_bad_input(tmp_path: Path) -> None:
    message = bad_input(EncoderWeights("files", ((NAME, tmp_path / "w.pt"),)), [NAME, "resnet50"])
    assert "no file for the encoder 'resnet50'" in message
    assert "add resnet50=PATH" in message


def test_an_encoder_that_no_space_uses_is_bad_input(tmp_path: Path) -> None:
    files = ((NAME, tmp_path / "w.pt"), ("resnet50", tmp_path / "r.pt"))
    assert "'resnet50' is not an encoder of this search" in bad_input(EncoderWeights("files", files), [NAME, NAME])


def test_an_unknown_encoder_is_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="'nothing' is not an encoder"):
        load_encoder_states(EncoderWeights("files", (("nothing", path),)), ["nothing"])


# Files


def check_loaded(choice: EncoderWeights, expected: Mapping[str, Tensor]) -> None:
    state = load_encoder_states(choice, [NAME])[NAME]
    assert state.keys() == create_encoder(NAME).state_dict().keys()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in state.items())
    model = create_model(TrialConfig(architecture="unet", encoder=NAME), classes=2)
    model.load_encoder_state(state)
    for key, tensor in model.encoder.state_dict().items():
        assert torch.equal(tensor, expected[key])


def test_torchvisions_state_dict(tmp_path: Path, torchvision_state: dict[str, Tensor]) -> None:
    assert "classifier.1.weight" in torchvision_state
    check_loaded(saved(tmp_path / "w.pt", torchvision_state), torchvision_state)


def test_smps_encoder_as_safetensors(tmp_path: Path, torchvision_state: dict[str, Tensor]) -> None:
    path = tmp_path / "model.safetensors"
    save_file({key: tensor for key, tensor in torchvision_state.items() if "classifier" not in key}, path)
    check_loaded(EncoderWeights("files", ((NAME, path),)), torchvision_state)


def test_a_whole_model_of_smp(tmp_path: Path, torchvision_state: dict[str, Tensor]) -> None:
    content = {f"encoder.{key}": tensor for key, tensor in torchvision_state.items()}
    check_loaded(saved(tmp_path / "w.pt", content | {"decoder.x": torch.zeros(1)}), torchvision_state)


def test_resnet50_without_counters_of_batches(tmp_path: Path) -> None:
    full = torchvision.models.resnet50(weights=None).state_dict()
    path = tmp_path / "r.pth"
    torch.save({key: tensor for key, tensor in full.items() if "num_batches" not in key}, path)
    state = load_encoder_states(EncoderWeights("files", (("resnet50", path),)), ["resnet50"])["resnet50"]
    model = create_model(TrialConfig(architecture="deeplabv3plus", encoder="resnet50"), classes=2)
    model.load_encoder_state(state)
    assert torch.equal(model.encoder.state_dict()["layer4.2.conv3.weight"], full["layer4.2.conv3.weight"])


def test_loading_leaves_the_random_generator_alone(tmp_path: Path, torchvision_state: dict[str, Tensor]) -> None:
    choice = saved(tmp_path / "w.pt", torchvision_state)
    before = torch.get_rng_state()
    load_encoder_states(choice, [NAME])
    assert torch.equal(torch.get_rng_state(), before)


def test_content_hashes_identify_the_content(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    path.write_bytes(b"one")
    choice = EncoderWeights("files", ((NAME, path),))
    assert choice.content_hashes() == {NAME: hashlib.sha256(b"one").hexdigest()}
    path.unlink()
    with pytest.raises(InputError, match="can't be read"):
        choice.content_hashes()


def test_a_file_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.pt", tmp_path):
        message = bad_input(EncoderWeights("files", ((NAME, path),)), [NAME])
        assert str(path) in message
        assert "is not there" in message


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200), suffix=st.sampled_from([".pt", ".safetensors"]))
def test_any_damaged_file_is_bad_input(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(content)
    assert str(path) in bad_input(EncoderWeights("files", ((NAME, path),)), [NAME])


def test_half_a_file_is_bad_input(tmp_path: Path, torchvision_state: dict[str, Tensor]) -> None:
    choice = saved(tmp_path / "w.pt", torchvision_state)
    path = choice.files[0][1]
    path.write_bytes(path.read_bytes()[:100_000])
    assert "can't be read as weights" in bad_input(choice, [NAME])


class Executing:
    """What a hostile file would hold: unpickled, it creates a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_file_with_code_is_refused_and_not_run(tmp_path: Path) -> None:
    choice = saved(tmp_path / "w.pt", {"features.0.0.weight": Executing(tmp_path / "executed")})
    assert "can't be read as weights" in bad_input(choice, [NAME])
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", [[torch.zeros(1)], {"epoch": 3}, torch.zeros(2)])
def test_a_file_without_a_state_dict_is_bad_input(tmp_path: Path, content: object) -> None:
    assert "holds no state dict" in bad_input(saved(tmp_path / "w.pt", content), [NAME])


def test_weights_of_another_network_are_bad_input(tmp_path: Path) -> None:
    other = torchvision.models.resnet18(weights=None).state_dict()
    message = bad_input(saved(tmp_path / "w.pt", other), [NAME])
    assert "does not fit mobilenet_v2: it lacks" in message
    narrow = torchvision.models.mobilenet_v2(weights=None, width_mult=0.5).state_dict()
    assert "has shape" in bad_input(saved(tmp_path / "n.pt", narrow), [NAME])


@pytest.mark.real_data
def test_the_weights_given_for_tests_fit_every_mobilenet_model() -> None:
    folder = os.environ.get("SEGPARETO_WEIGHTS")
    if not folder:
        pytest.skip("SEGPARETO_WEIGHTS names no folder of encoder weights")
    path = Path(folder) / "mobilenet_v2_imagenet.pt"
    state = load_encoder_states(parse_encoder_weights(f"{NAME}={path}"), [NAME])[NAME]
    for architecture in ("unet", "unetplusplus"):
        model = create_model(TrialConfig(architecture=architecture, encoder=NAME), classes=2)
        model.load_encoder_state(state)
        assert torch.equal(model.encoder.state_dict()["features.0.1.running_var"], state["features.0.1.running_var"])
        assert state["features.0.1.running_var"].std() > 0


# The hub


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_hub_that_refuses_is_bad_input_at_once(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    start = time.monotonic()
    message = bad_input(EncoderWeights("imagenet"), [NAME])
    assert time.monotonic() - start < encoder_hub.REACH_SECONDS
    assert "imagenet weights of mobilenet_v2 can't be downloaded" in message
    assert "give none, or mobilenet_v2=PATH" in message


def test_a_hub_that_is_silent_is_bad_input_within_the_limit(
    empty_cache: Path, silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", silent_server)
    monkeypatch.setattr(encoder_hub, "REACH_SECONDS", 0.3)
    start = time.monotonic()
    assert "can't be downloaded" in bad_input(EncoderWeights("imagenet"), [NAME])
    assert time.monotonic() - start < 5


def test_a_client_that_hangs_is_not_waited_for(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(encoder_hub, "REACH_SECONDS", 0.1)
    monkeypatch.setattr(encoder_hub, "get_hf_file_metadata", lambda url, timeout: released.wait(30))
    message = bad_input(EncoderWeights("imagenet"), [NAME])
    released.set()
    assert "no answer within 0.1 s" in message


def test_cached_weights_need_no_hub(
    empty_cache: Path, torchvision_state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    location = smp_encoders[NAME]["pretrained_settings"]["imagenet"]
    folder = empty_cache / f"models--{location['repo_id'].replace('/', '--')}" / "snapshots" / location["revision"]
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    content = {key: tensor for key, tensor in torchvision_state.items() if "classifier" not in key}
    save_file(content, folder / "model.safetensors")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    before = torch.get_rng_state()
    state = load_encoder_states(EncoderWeights("imagenet"), [NAME])[NAME]
    assert torch.equal(torch.get_rng_state(), before)
    assert state.keys() == content.keys()
    assert all(torch.equal(state[key], content[key]) for key in content)
    (folder / "model.safetensors").write_bytes(b"damaged")
    assert "can't be downloaded" in bad_input(EncoderWeights("imagenet"), [NAME])


def test_an_encoder_without_imagenet_weights_is_bad_input() -> None:
    assert "SMP has no imagenet weights" in bad_input(EncoderWeights("imagenet"), ["resnext101_32x16d"])


def test_encoders_of_timm_start_from_timms_weights(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "efficientnet_lite0"
    repository = timm.models.get_pretrained_cfg(name).hf_hub_id
    folder = empty_cache / f"models--{repository.replace('/', '--')}"
    (folder / "snapshots" / "1").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("1", encoding="utf-8")
    content = timm.create_model(name).state_dict()
    save_file(content, folder / "snapshots" / "1" / "model.safetensors")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    state = load_encoder_states(EncoderWeights("imagenet"), [f"tu-{name}"])[f"tu-{name}"]
    assert torch.equal(state["model.conv_stem.weight"], content["conv_stem.weight"])
    assert "timm has no pretrained weights for 'tu-lcnet_035'" in bad_input(
        EncoderWeights("imagenet"), ["tu-lcnet_035"]
    )
