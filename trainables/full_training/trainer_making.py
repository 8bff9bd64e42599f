"""Making the trainer of a full training, at its start and whenever it goes on."""

from typing import TYPE_CHECKING, Any

from spaces.errors import InputError
from trainables.compute.machines import GIGABYTE
from trainables.data.dataset import Dataset
from trainables.data.opening import DataSource, open_split
from trainables.data.split import Split
from trainables.full_training.configuration_file import TrainingData
from trainables.full_training.settings import TrainingSettings
from trainables.models.encoder_fingerprint import encoder_fingerprints
from trainables.models.encoder_weights import load_encoder_states, parse_encoder_weights

if TYPE_CHECKING:
    from trainables.training.trainer import Trainer


def trainer_again(settings: TrainingSettings, kept: dict[str, Any] | None) -> "Trainer":
    """The trainer of a training that goes on.

    Args:
        settings: The training.
        kept: Its last state, or None where it was ended before its first evaluation.

    Raises:
        InputError: If data, device or encoder weights are not there or others than at its start.
    """
    check_device(settings.device)
    dataset, split = open_split(
        source_of(settings.data),
        by=settings.data.split_by,
        seed=settings.data.split_seed,
        fingerprint=settings.data.fingerprint,
        expected_hash=settings.data.split_hash,
    )
    encoder = settings.config.encoder
    states: dict[str, dict[str, Any]] = {}
    if kept is None and settings.encoder_hash is not None:
        states = load_encoder_states(parse_encoder_weights(settings.encoder_weights), [encoder])
        if encoder_fingerprints(states)[encoder] != settings.encoder_hash:
            raise InputError(f"--encoder-weights {settings.encoder_weights}: not the weights that it was begun with")
    trainer = make_trainer(settings, dataset, split, states.get(encoder))
    if kept is not None:
        trainer.load_state_dict(kept)
    return trainer


def make_trainer(
    settings: TrainingSettings, dataset: Dataset, split: Split, encoder_state: dict[str, Any] | None
) -> "Trainer":
    """Build network, loader and optimiser, and give torch its threads.

    Raises:
        InputError: If the data hold nothing to learn from, or an encoder does not exist.
    """
    import torch

    from trainables.data.image_cache import open_image_cache
    from trainables.data.loader import BatchLoader
    from trainables.data.trial_data import TrialData
    from trainables.training.trainer import Trainer

    torch.set_num_threads(settings.threads)
    data = TrialData(
        dataset,
        split,
        cache=open_image_cache(dataset.fingerprint, limit_bytes=round(settings.image_cache_gb * GIGABYTE)),
        validation_windows=settings.validation_windows,
    )
    return Trainer(
        settings.config,
        settings.schedule(),
        data,
        seed=settings.seed,
        encoder_state=encoder_state,
        device=settings.device,
        layout=settings.layout.compute_layout(),
        evaluation=settings.evaluation,
        loader=BatchLoader(data, workers=settings.loader_workers, pin_memory=settings.device != "cpu"),
    )


def check_device(name: str) -> str:
    """Give back a device's name as torch spells it.

    Raises:
        InputError: If it is none, or not there.
    """
    import torch

    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in {"cpu", "cuda"}:
        raise InputError(f"--device {name}: not a device; right are cpu, cuda and cuda:N")
    if device.type == "cpu":
        return "cpu"
    if (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"--device {name}: torch {torch.__version__} finds {torch.cuda.device_count()} GPUs")
    return str(device)


def source_of(data: TrainingData) -> DataSource:
    """Where the images come from."""
    return DataSource(
        root=data.root, class_mapping=data.class_mapping, labeled_list=data.labeled_list, described=data.described
    )
