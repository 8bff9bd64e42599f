"""ImageNet weights of encoders from SMP's hub, without waiting long for a hub that does not answer."""

import threading
from collections.abc import Callable
from typing import TypedDict, cast

import timm
import torch
from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
from segmentation_models_pytorch.encoders import encoders as smp_encoders
from segmentation_models_pytorch.encoders import get_encoder
from torch import Tensor

from spaces.errors import InputError

REACH_SECONDS = 5.0
"""Time that the hub has for its first answer."""

_WEIGHTS = "imagenet"
_WEIGHTS_FILE = "model.safetensors"


class _HubLocation(TypedDict):
    repo_id: str
    revision: str | None


def _is_timms(name: str) -> bool:
    return name.startswith("tu-")


def download_encoder_state(name: str) -> dict[str, Tensor]:
    """Get an encoder's ImageNet weights through SMP: from its local cache or, failing that, from the hub.

    Those of a timm encoder are the ones that timm gives its name.

    The hub's client retries for 20 to 60 seconds where there is no network, so the hub is asked once, by
    ourselves and with a limit, before SMP is let go.

    Args:
        name: The encoder, as SMP spells it.

    Returns:
        A complete state dict of SMP's encoder, on the CPU.

    Raises:
        InputError: SMP has no ImageNet weights for this encoder, or they are not cached and can't be
            downloaded.
    """
    location = _hub_location(name)
    if not _is_cached(location):
        _reach_hub(name, location)
    try:
        with torch.random.fork_rng(devices=[]):
            # Of timm's models the pretrained weights have no name: they are the model's.
            encoder = get_encoder(name, weights=True if _is_timms(name) else _WEIGHTS)
    except Exception as error:
        # The client's errors (HTTP, disk, damaged download) have no common type; each means: not downloaded.
        raise _unavailable(name, error) from error
    return cast("dict[str, Tensor]", encoder.state_dict())


def _hub_location(name: str) -> _HubLocation:
    if _is_timms(name):
        pretrained = timm.models.get_pretrained_cfg(name.removeprefix("tu-"))
        if pretrained is None or not pretrained.hf_hub_id:
            raise InputError(
                f"--encoder-weights: timm has no pretrained weights for {name!r} on its hub; give none or {name}=PATH"
            )
        return {"repo_id": pretrained.hf_hub_id, "revision": None}
    settings = smp_encoders.get(name, {}).get("pretrained_settings", {})
    if _WEIGHTS not in settings:
        raise InputError(
            f"--encoder-weights: SMP has no {_WEIGHTS} weights for the encoder {name!r}; give none or {name}=PATH"
        )
    return cast("_HubLocation", settings[_WEIGHTS])


def _is_cached(location: _HubLocation) -> bool:
    files = (_WEIGHTS_FILE,) if location["revision"] is None else ("config.json", _WEIGHTS_FILE)
    return all(
        isinstance(try_to_load_from_cache(location["repo_id"], file, revision=location["revision"]), str)
        for file in files
    )


def _reach_hub(name: str, location: _HubLocation) -> None:
    url = hf_hub_url(location["repo_id"], _WEIGHTS_FILE, revision=location["revision"])
    try:
        _within(REACH_SECONDS, lambda: get_hf_file_metadata(url, timeout=REACH_SECONDS))
    except Exception as error:
        # As above: connection, proxy, certificate and HTTP errors, and the client's offline mode.
        raise _unavailable(name, error) from error


def _within(seconds: float, work: Callable[[], object]) -> None:
    """Run `work`, raising what it raises, or `TimeoutError` if it takes longer.

    The client's own time-out covers neither name resolution nor a host with several silent addresses. The
    thread is a daemon: one that hangs does not keep the process alive.
    """
    failures: list[Exception] = []

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
            failures.append(error)

    thread = threading.Thread(target=run, name="reach-hub", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"no answer within {seconds:g} s")
    if failures:
        raise failures[0]


def _unavailable(name: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:160].rstrip(". ")
    return InputError(
        f"--encoder-weights: {_WEIGHTS} weights of {name} can't be downloaded "
        f"({reason or type(error).__name__}); give none, or {name}=PATH to use a file"
    )
