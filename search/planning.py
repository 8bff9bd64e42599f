"""From the command line's options to the settings of a search: everything is checked before anything starts."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from analysis.scores import floor_miou_majority
from search.budget import Given
from search.buildable import check_networks
from search.encoder_starts import encoder_starts
from search.folder import TRIALS, default_name
from search.grace import default_grace_steps
from search.network_costs import check_cost_objectives
from search.resources import (
    concurrent_trials,
    default_loader_workers,
    per_space,
)
from search.schedulers.rungs import rungs
from search.settings import DataSettings, DeviceSettings, SearchSettings, SpaceSettings
from search.warm_start import warm_start
from search.worker_pool import WorkerPool, worker_pool
from spaces.complaints import first_complaint
from spaces.configuration import OFF
from spaces.errors import InputError
from spaces.loading import builtin_space_names, data_of_spaces, load_spaces
from spaces.presets import Preset, load_preset
from spaces.space import Space, make_space
from trainables.checkpoint_store import check_storage
from trainables.compute.machines import Machines, default_image_cache_gb
from trainables.compute.options import check_precision
from trainables.data.dataset import Dataset
from trainables.data.folder import unknown_colours_warning
from trainables.data.opening import DataSource, split_hash
from trainables.data.source_options import data_source
from trainables.data.split import Split, few_units_warning, split_dataset
from trainables.evaluation.settings import EvaluationSettings
from trainables.models.encoder_fingerprint import encoder_fingerprints
from trainables.models.registry import model_names
from trainables.run_folder import check_name
from trainables.selftraining.strategy import threshold_strategy_names
from trainables.shared_files import is_uri, joined
from trainables.tracking.uri import check_tracking_uri, local_tracking_uri
from trainables.versions import part_versions

FULL_SEARCH_CPUS_BESIDE_A_GPU = 4
"""CPU cores that load data for a trial on a GPU, where there are that many."""


@dataclass(frozen=True, slots=True)
class PlannedSearch:
    """A search that is ready to start.

    Attributes:
        settings: Its settings.
        encoder_states: Initial weights by encoder.
        checkpoint_mb: Size of a trial's checkpoint by space, MB.
        notes: Lines for people: what was chosen by itself, and why.
        given: Sizes that the user fixed.
        machines: What there is to run on.
        pool: Workers that a forecast is asked for, or None.
    """

    settings: SearchSettings
    encoder_states: dict[str, dict[str, Any]]
    checkpoint_mb: dict[str, float]
    notes: tuple[str, ...]
    given: Given
    machines: Machines
    pool: WorkerPool | None

    @property
    def needs_timing(self) -> bool:
        """Whether its sizes, or its forecast for workers, follow from how fast its spaces train."""
        sizes = self.settings.budget_seconds is not None or self.settings.equal == "device-seconds"
        return sizes or self.pool is not None


def plan_search(options: argparse.Namespace, machines: Machines) -> PlannedSearch:
    """Check the options against each other, the data and the machines.

    Raises:
        InputError: If something is wrong; nothing was started or written.
    """
    if options.space is None:
        raise InputError(f"--space is missing; one of: {', '.join(builtin_space_names())}, all, or a YAML file")
    notes: list[str] = [machines.warning] if machines.warning else []
    spaces = load_spaces(options.space)
    options.data = data_of_spaces(spaces) if options.data is None else options.data
    _check_registered(spaces)
    preset_name, preset = _preset(options, machines, notes)
    max_steps, eval_every = _lengths(options, preset)
    seed = options.seed or 0
    source = data_source(options)
    dataset = source.open()
    split = split_dataset(dataset, by=options.split_by or "auto", seed=seed)
    few = few_units_warning(dataset, split)
    if few is not None:
        notes.append(few)
    unknown = unknown_colours_warning(dataset)
    if unknown is not None:
        notes.append(f"warning: {unknown}")
    spaces = tuple(_fitted(space, preset, dataset, split, notes) for space in spaces)
    names = [space.name for space in spaces]
    check_cost_objectives(spaces, options.objectives or ())
    weights, equal_starts, states = encoder_starts(options, spaces)
    grace = _grace(options, spaces, max_steps, eval_every, notes)
    device = _device(options, names, machines)
    evaluation = EvaluationSettings(options.eval_overlap or 0.0, bool(options.tta))
    runs = Path(options.runs)
    name = check_name(options.name) if options.name else default_name(names, datetime.now())
    reduction_factor = options.reduction_factor or preset.reduction_factor
    tracking_uri = options.tracking_uri or local_tracking_uri(runs)
    if options.tracking_uri:
        check_tracking_uri(options.tracking_uri)
    warm = None
    if options.warm_start is not None:
        warm = warm_start(options.warm_start, runs, spaces, dict.fromkeys(names, options.trials or preset.trials))
        notes += warm.notes
    settings = SearchSettings(
        name=name,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        command=("python", "-m", "search.run", *sys.argv[1:]),
        preset=preset_name,
        spaces={space.name: SpaceSettings.of(space) for space in spaces},
        trials_per_space=options.trials or preset.trials,
        max_steps=max_steps,
        eval_every=eval_every,
        grace_steps=grace,
        reduction_factor=reduction_factor,
        rungs=rungs(grace, max_steps, eval_every),
        scheduler=options.scheduler or "asha",
        late_promotion=options.late_promotion is not False,
        curve_prediction=bool(options.curve_prediction),
        audit_fraction=options.audit_fraction or 0.0,
        search_alg=options.search_alg or "tpe",
        warm_start={} if warm is None else warm.as_settings(),
        warm_start_from=None if warm is None else str(warm.folder),
        seed=seed,
        objectives=options.objectives or ("miou",),
        finalists=options.finalists or preset.finalists,
        finalist_seeds=preset.finalist_seeds if options.finalist_seeds is None else options.finalist_seeds,
        equal=options.equal or "trials",
        budget_seconds=options.budget,
        validation_windows=preset.validation_windows,
        data=_data_settings(source, dataset, split),
        encoder_weights=weights.describe(),
        encoder_hashes=encoder_fingerprints(states),
        equal_starts=equal_starts,
        storage=_storage(options, runs, name),
        tracking_uri=tracking_uri,
        device=device,
        evaluation=evaluation,
        deployment=options.deployment,
        versions=part_versions(),
    )
    for space in spaces:
        check_networks(space, len(dataset.classes.names))
    sizes = {space.name: _checkpoint_mb(space, len(dataset.classes.names)) for space in spaces}
    given = Given(
        trials=options.trials is not None,
        max_steps=options.max_steps is not None,
        eval_every=options.eval_every is not None,
        grace_steps=options.grace_steps is not None,
    )
    pool = worker_pool(options, settings, machines)
    if pool is not None:
        settings = pool.on_workers(settings, pool.workers)
    return PlannedSearch(settings, states, sizes, tuple(notes), given, machines, pool)


def _preset(options: argparse.Namespace, machines: Machines, notes: list[str]) -> tuple[str, Preset]:
    if options.preset is not None:
        name = str(options.preset)
        notes.append(f"preset {name}: {load_preset(name).description}")
    else:
        name = "full" if machines.gpus else "demo"
        found = "a GPU was found" if machines.gpus else "no usable GPU was found"
        notes.append(f"preset {name} ({load_preset(name).description}): {found}")
    preset = load_preset(name)
    return name, preset.for_data() if options.data else preset


def _check_registered(spaces: Sequence[Space]) -> None:
    for space in spaces:
        for architecture in space.values_of("architecture"):
            _one_of(space.place_of("architecture", architecture), str(architecture), model_names())
        for strategy in space.values_of("threshold_strategy"):
            _one_of(space.place_of("threshold_strategy", strategy), str(strategy), threshold_strategy_names())


def _one_of(what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise InputError(f"{what} {value!r} is unknown; one of: {', '.join(known)}")


def _lengths(options: argparse.Namespace, preset: Preset) -> tuple[int, int]:
    max_steps = options.max_steps or preset.max_steps
    if options.eval_every is not None:
        eval_every = int(options.eval_every)
    else:
        # As many evaluations as the preset has, however long the training.
        eval_every = max(1, round(max_steps * preset.eval_every / preset.max_steps))
    if eval_every > max_steps:
        raise InputError(f"--eval-every {eval_every} exceeds --max-steps {max_steps}; evaluate at least once")
    return max_steps, eval_every


def _fitted(space: Space, preset: Preset, dataset: Dataset, split: Split, notes: list[str]) -> Space:
    """The space at the preset's sizes, on these classes, without self-training where nothing is unlabelled."""
    searched = {parameter.name for parameter in space.parameters}
    fixed = {name: value for name, value in preset.config.items() if name not in searched}
    try:
        space = space.fix(fixed)
    except ValidationError as error:
        raise InputError(f"space {space.name}: {first_complaint(error)}") from None
    named = [("baseline", "class_weight_factors", name) for name in space.baseline.class_weight_factors]
    searched_by_class = [parameter.name.partition(".") for parameter in space.parameters]
    named += [("parameters", field, name) for field, _, name in searched_by_class if name not in {"", "*"}]
    for part, field, name in named:
        if name not in dataset.classes.names:
            written = field if part == "baseline" else f"{field}.{name}"
            place = space.lines.get((part, written), f"space {space.name}")
            known = ", ".join(dataset.classes.names)
            raise InputError(f"{place}: {field}: {name!r} is no class of the data; they have {known}")
    space = space.for_classes(dataset.classes.names[1:])
    if len(split.unlabelled) == 0:
        note = "no unlabelled images: self-training and its parameters are left out"
        if note not in notes:
            notes.append(note)
        space = space.fix({"threshold_strategy": OFF})
    # Once more as a whole: classes and sizes may have made it another space than its file says.
    whole = make_space(space.name, space.description, space.baseline.model_dump(), space.parameters)
    return replace(whole, lines=space.lines)


def _grace(
    options: argparse.Namespace, spaces: Sequence[Space], max_steps: int, eval_every: int, notes: list[str]
) -> int:
    default = max(default_grace_steps(space, max_steps=max_steps, eval_every=eval_every) for space in spaces)
    if options.grace_steps is None:
        return default
    if options.grace_steps > max_steps:
        raise InputError(f"--grace-steps {options.grace_steps} exceeds --max-steps {max_steps}; choose fewer")
    if options.grace_steps < default:
        notes.append(
            f"warning: --grace-steps {options.grace_steps} is before warm-up, self-training's start and the EMA's "
            f"horizon are over (step {default}): the first rung will judge noise"
        )
    return int(options.grace_steps)


def _device(options: argparse.Namespace, names: Sequence[str], machines: Machines) -> DeviceSettings:
    if options.workers is not None:
        # A forecast is for machines that are not there: a trial need not fit on these, only on a worker.
        machines = replace(machines, description=f"{options.workers} workers, as a forecast takes them", grows=True)
    beside_gpu = max(1, min(FULL_SEARCH_CPUS_BESIDE_A_GPU, machines.cpus // max(1, machines.gpus)))
    cpus = per_space("--cpus-per-trial", options.cpus_per_trial, names, beside_gpu if machines.gpus else 1)
    gpus = per_space("--gpus-per-trial", options.gpus_per_trial, names, 1 if machines.gpus else 0)
    if any(gpus.values()) and not all(gpus.values()):
        raise InputError(f"--gpus-per-trial {options.gpus_per_trial}: give a GPU to all spaces or to none")
    at_once = concurrent_trials(machines, cpus, gpus, options.concurrent_trials or options.workers)
    kind: Literal["cpu", "cuda"] = "cuda" if any(gpus.values()) else "cpu"
    check_precision(options.precision, kind)
    workers, cache_gb = options.loader_workers, options.image_cache_gb
    return DeviceSettings(
        description=machines.description,
        kind=kind,
        cpus_per_trial=cpus,
        gpus_per_trial=gpus,
        concurrent_trials=at_once,
        precision=options.precision or "auto",
        compile=bool(options.compile),
        loader_workers=default_loader_workers(kind, cpus) if workers is None else workers,
        image_cache_gb=default_image_cache_gb(machines) if cache_gb is None else cache_gb,
        cost_threads=max(1, *(int(amount) for amount in cpus.values())),
    )


def _data_settings(source: DataSource, dataset: Dataset, split: Split) -> DataSettings:
    validation = dataset.class_count_table(split.validation).sum(axis=0)
    return DataSettings(
        root=source.root,
        class_mapping=source.class_mapping,
        labeled_list=source.labeled_list,
        described=source.described,
        description=dataset.description,
        fingerprint=dataset.fingerprint,
        split_by=split.by,
        split_hash=split_hash(dataset.records, split),
        classes=tuple(
            {"name": name, "colour": list(colour)}
            for name, colour in zip(dataset.classes.names, dataset.classes.colours, strict=True)
        ),
        images={part: len(getattr(split, part)) for part in ("train", "validation", "test", "unlabelled")},
        floor_miou={"majority_class": floor_miou_majority(validation)},
    )


def _checkpoint_mb(space: Space, classes: int) -> float:
    """Size of a trial's whole checkpoint: weights, their average, the best average, and the optimiser's state."""
    from trainables.models import create_model

    model = create_model(space.baseline, classes=classes)
    optimiser_copies = 2 if space.baseline.optimizer == "adamw" else 1
    return sum(parameter.numel() for parameter in model.parameters()) * 4 / 1e6 * (3 + optimiser_copies)


def _storage(options: argparse.Namespace, runs: Path, name: str) -> str:
    if options.storage is None:
        return str((runs / name / TRIALS).absolute())
    check_storage(options.storage)
    if is_uri(options.storage):
        return joined(options.storage, name, TRIALS)
    return str((Path(options.storage) / name / TRIALS).absolute())
