"""From the options of a full training to its settings and trainer: everything is checked before anything is written."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spaces.configuration import REFERENCE_STEPS, TrialConfig
from spaces.errors import InputError
from spaces.presets import load_preset
from trainables.compute.layout_settings import LayoutSettings
from trainables.compute.machines import Machines, default_image_cache_gb, this_machine
from trainables.compute.options import check_precision
from trainables.data.dataset import Dataset
from trainables.data.opening import split_hash
from trainables.data.source_options import data_source
from trainables.data.split import Split, SplitBy, split_dataset
from trainables.full_training.configuration_file import ChosenConfiguration, TrainingData, read_configuration
from trainables.full_training.settings import Origin, TrainingSettings
from trainables.full_training.trainer_making import check_device, make_trainer, source_of
from trainables.models.encoder_fingerprint import encoder_fingerprints
from trainables.models.encoder_weights import load_encoder_states, parse_encoder_weights
from trainables.run_folder import check_name
from trainables.tracking.uri import check_tracking_uri, local_tracking_uri
from trainables.versions import part_versions

if TYPE_CHECKING:
    from trainables.training.trainer import Trainer

MOST_LOADER_WORKERS = 8
"""Beyond these, preparing batches is not what a GPU waits for."""


@dataclass(frozen=True, slots=True)
class PlannedTraining:
    """A training that is ready to start.

    Attributes:
        settings: Its settings.
        trainer: Before its first step.
    """

    settings: TrainingSettings
    trainer: "Trainer"


def plan_training(options: argparse.Namespace, write: Callable[[str], None]) -> PlannedTraining:
    """Check the options against each other, the data and the machine, and build the network.

    Args:
        options: Of the command.
        write: Takes lines for people.

    Raises:
        InputError: If something is wrong; nothing was written.
    """
    chosen = read_configuration(options.config)
    options.data = chosen.data_file if options.data is None else options.data
    config = chosen.config
    _check_registered(chosen.source, config)
    max_steps, eval_every = _lengths(options)
    name = _name(options, config)
    machine = this_machine()
    device = _device(options.device, machine, write)
    kind: Literal["cpu", "cuda"] = "cpu" if device == "cpu" else "cuda"
    check_precision(options.precision, kind)
    evaluation = _evaluation(options)
    dataset, split, data = _data(options, chosen)
    if len(split.unlabelled) == 0 and config.selftraining:
        write("no unlabelled images: trained without self-training")
    states, weights = _start(options, chosen, data)
    threads = options.threads or _default_threads()
    tracking_uri = options.tracking_uri or local_tracking_uri(Path(options.runs))
    if options.tracking_uri:
        check_tracking_uri(options.tracking_uri)
    settings = TrainingSettings(
        name=name,
        created=datetime.now().astimezone().isoformat(timespec="milliseconds"),
        command=("python", "-m", "trainables.train", *sys.argv[1:]),
        origin=Origin(
            file=chosen.source,
            search=chosen.trial.search if chosen.trial else None,
            trial_id=chosen.trial.trial_id if chosen.trial else None,
            space=chosen.space,
        ),
        config=config,
        seed=_seed(options, chosen),
        max_steps=max_steps,
        eval_every=eval_every,
        data=data,
        data_description=dataset.description,
        classes=tuple(
            {"name": name, "colour": list(colour)}
            for name, colour in zip(dataset.classes.names, dataset.classes.colours, strict=True)
        ),
        images={part: len(getattr(split, part)) for part in ("train", "validation", "test", "unlabelled")},
        validation_windows=options.validation_windows,
        encoder_weights=weights,
        encoder_hash=encoder_fingerprints(states).get(config.encoder),
        evaluation=evaluation,
        evaluate_test=bool(options.evaluate_test),
        device=device,
        device_description=machine.description,
        threads=threads,
        loader_workers=_loader_workers(options.loader_workers, kind, machine),
        image_cache_gb=default_image_cache_gb(machine) if options.image_cache_gb is None else options.image_cache_gb,
        layout=_layout(
            options, config, classes=len(dataset.classes.names), device=device, threads=threads, write=write
        ),
        tracking_uri=tracking_uri,
        versions=part_versions(),
    )
    return PlannedTraining(settings, make_trainer(settings, dataset, split, states.get(config.encoder)))


def _check_registered(source: str, config: TrialConfig) -> None:
    from trainables.models.registry import model_names
    from trainables.selftraining.strategy import threshold_strategy_names

    for name, known in (("architecture", model_names()), ("threshold_strategy", threshold_strategy_names())):
        value = getattr(config, name)
        if value not in known:
            raise InputError(f"{source}: {name} {value!r} is unknown; one of: {', '.join(known)}")


def _lengths(options: argparse.Namespace) -> tuple[int, int]:
    recipe = load_preset("recipe")
    max_steps = options.max_steps or REFERENCE_STEPS
    # As many evaluations as the recipe has, however long the training.
    eval_every = options.eval_every or max(1, round(max_steps * recipe.eval_every / recipe.max_steps))
    if eval_every > max_steps:
        raise InputError(f"--eval-every {eval_every} exceeds --max-steps {max_steps}; evaluate at least once")
    return max_steps, eval_every


def _name(options: argparse.Namespace, config: TrialConfig) -> str:
    if options.name:
        return check_name(options.name)
    return check_name(f"train-{config.architecture}-{datetime.now():%Y%m%d-%H%M%S}")


def _device(wanted: str | None, machine: Machines, write: Callable[[str], None]) -> str:
    if wanted is not None:
        return check_device(wanted)
    if machine.warning:
        write(machine.warning)
    return "cuda" if machine.gpus else "cpu"


def _evaluation(options: argparse.Namespace) -> Any:
    from trainables.evaluation.settings import EvaluationSettings

    return EvaluationSettings(options.eval_overlap or 0.0, bool(options.tta))


def _data(options: argparse.Namespace, chosen: ChosenConfiguration) -> tuple[Dataset, Split, TrainingData]:
    source = data_source(options)
    known = chosen.data if options.data is None else None
    if known is not None:
        source = source_of(known)
    by: SplitBy = options.split_by or (known.split_by if known else "auto")
    seed = options.split_seed if options.split_seed is not None else (known.split_seed if known else 0)
    dataset = source.open()
    if known is not None and dataset.fingerprint != known.fingerprint:
        raise InputError(
            f"{chosen.source}: {dataset.description}: not the data that the trial was trained on; restore them, or "
            "name others by --data"
        )
    split = split_dataset(dataset, by=by, seed=seed)
    parts = split_hash(dataset.records, split)
    if known is not None and (by, seed) == (known.split_by, known.split_seed) and parts != known.split_hash:
        raise InputError(f"{chosen.source}: the data are split otherwise than for the trial; use the same version")
    data = TrainingData(
        root=source.root,
        class_mapping=source.class_mapping,
        labeled_list=source.labeled_list,
        described=source.described,
        fingerprint=dataset.fingerprint,
        split_by=split.by,
        split_seed=seed,
        split_hash=parts,
    )
    return dataset, split, data


def _start(
    options: argparse.Namespace, chosen: ChosenConfiguration, data: TrainingData
) -> tuple[dict[str, dict[str, Any]], str]:
    default = chosen.encoder_weights or ("imagenet" if data.root else "none")
    choice = parse_encoder_weights(options.encoder_weights or default)
    return load_encoder_states(choice, [chosen.config.encoder]), choice.describe()


def _seed(options: argparse.Namespace, chosen: ChosenConfiguration) -> int:
    if options.seed is not None:
        return int(options.seed)
    return chosen.trial.seed if chosen.trial else 0


def _default_threads() -> int:
    import torch

    return torch.get_num_threads()


def _loader_workers(wanted: int | None, kind: Literal["cpu", "cuda"], machine: Machines) -> int:
    if wanted is not None:
        return wanted
    # On a CPU they would take the cores that train; beside a GPU one core feeds it.
    return 0 if kind == "cpu" else max(1, min(MOST_LOADER_WORKERS, machine.cpus - 1))


def _layout(
    options: argparse.Namespace,
    config: TrialConfig,
    *,
    classes: int,
    device: str,
    threads: int,
    write: Callable[[str], None],
) -> LayoutSettings:
    from trainables.compute.layout_measurement import choose_layout

    write("measuring how the network trains fastest here")
    choice = choose_layout(
        config,
        classes=classes,
        device=device,
        threads=threads,
        precision=None if options.precision in {None, "auto"} else options.precision,
        compiled=bool(options.compile),
    )
    return LayoutSettings.of(choice)
