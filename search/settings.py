"""Everything that defines a search, validated and frozen, as `settings.json` keeps it."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from spaces.configuration import TrialConfig
from spaces.parameters import Parameter
from spaces.space import Space
from trainables.compute.layout_settings import LayoutSettings
from trainables.data.dataset import Dataset
from trainables.data.opening import DataSource, open_split
from trainables.data.split import Split
from trainables.evaluation.settings import EvaluationSettings
from trainables.settings_file import read_settings_file, write_settings_file

Objective = Literal["miou", "parameters", "latency", "memory"]
"""What a search may optimise: foreground mIoU upwards, and downwards what the network costs."""


class SpaceSettings(BaseModel):
    """A space as it was searched: after presets and the data had their say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str
    baseline: dict[str, Any]
    parameters: tuple[Parameter, ...]

    @classmethod
    def of(cls, space: Space) -> "SpaceSettings":
        """Write a space down."""
        return cls(description=space.description, baseline=space.baseline.model_dump(), parameters=space.parameters)

    def space(self, name: str) -> Space:
        """The space again; it was checked as a whole before it was written down."""
        baseline = TrialConfig.model_validate(self.baseline)
        return Space(name=name, description=self.description, baseline=baseline, parameters=self.parameters)


class DataSettings(BaseModel):
    """Where the images come from and how they were divided.

    Attributes:
        root: The user's data folder, or None for the built-in data.
        class_mapping: The class mapping's file, where it is not the folder's own.
        labeled_list: The list of labelled photos, where it is not the folder's own.
        described: How the folder is read, where a data file said so.
        description: One line for people.
        fingerprint: Of names and contents; a search is resumed only on the data it began with.
        split_by: `photo` or `capture`: what was kept together.
        split_hash: Of the parts' names; every process computes the split itself and checks it against this.
        classes: Name and colour of each class, by index.
        images: Number of images in each part.
        floor_miou: Foreground mIoU of models that learnt nothing, for reference.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str | None = None
    class_mapping: str | None = None
    labeled_list: str | None = None
    described: str | None = None
    description: str
    fingerprint: str
    split_by: str
    split_hash: str
    classes: tuple[dict[str, Any], ...]
    images: dict[str, int]
    floor_miou: dict[str, float] = Field(default_factory=dict)

    @property
    def source(self) -> DataSource:
        """Where they come from."""
        return DataSource(
            root=self.root,
            class_mapping=self.class_mapping,
            labeled_list=self.labeled_list,
            described=self.described,
        )


class DeviceSettings(BaseModel):
    """What trials run on.

    Attributes:
        description: One line for people.
        kind: `cpu` or `cuda`.
        cpus_per_trial: CPU cores of one trial, by space.
        gpus_per_trial: GPUs of one trial, by space; fractions share one.
        concurrent_trials: Trials at once, at most.
        precision: What the user fixed, or `auto`; the layouts that were chosen are `SearchSettings.layouts`.
        compile: Whether `torch.compile` is tried.
        loader_workers: Processes that prepare a trial's batches; 0 prepares them in the trial's own.
        image_cache_gb: Most that the decoded images of one node take of its shared memory, GB of 1e9 bytes.
        cost_threads: CPU threads that every network's costs are measured with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str
    kind: Literal["cpu", "cuda"]
    cpus_per_trial: dict[str, float]
    gpus_per_trial: dict[str, float]
    concurrent_trials: int
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    compile: bool = False
    loader_workers: int = Field(0, ge=0)
    image_cache_gb: float = Field(ge=0)
    cost_threads: int = 1


class SearchSettings(BaseModel):
    """A search, as it can be repeated.

    Attributes:
        name: Name of its folder under the runs folder.
        created: Local time of its start, ISO 8601.
        command: The command line's words.
        preset: Name of the preset it began from.
        spaces: The searched spaces by name.
        trials_per_space: Trials of each space, the baseline included.
        max_steps: Optimiser steps of a full training.
        eval_every: Steps between evaluations.
        grace_steps: Steps before the scheduler may stop a trial.
        reduction_factor: Of the trials at a rung, one in this many goes on.
        rungs: Steps at which ASHA judges.
        scheduler: A name in `search.schedulers.registry.SCHEDULERS`.
        late_promotion: Whether trials stopped at a rung are only paused and go on when the rung's cut falls.
        curve_prediction: Whether predicted ends of learning curves stop trials, too.
        objectives: What is optimised: `miou`, and costs of the network.
        audit_fraction: Share of the trials that would be stopped and are trained to their ends as a check.
        search_alg: A name in `search.samplers.names.SAMPLER_NAMES`.
        warm_start: Configurations of another search, by space, that are tried right after the baseline.
        warm_start_from: Where they come from.
        seed: Seed of the sampler, the split and the trials.
        finalists: Configurations of each space that are re-run for the verdict.
        finalist_seeds: Seeds of the finals.
        equal: What all spaces get the same of.
        trials_by_space: Trials of each space where they differ; None for `trials_per_space` of each.
        device_seconds_per_space: Seconds times devices after which no trial of a space is added; None for no limit.
        budget_seconds: Wall-clock time that the search was planned for, or None.
        validation_windows: Evaluation windows at most during the search; None for all.
        data: The data.
        encoder_weights: The option's text; `encoder_hashes` tells the contents apart.
        equal_starts: Whether all spaces start alike, all pretrained or none.
        storage: Folder or URI of the checkpoints.
        tracking_uri: Where MLflow records.
        device: What trials run on.
        evaluation: How every evaluation predicts, on validation and test.
        layouts: How the trials of each space compute; empty until that is measured.
        deployment: Deployment that the verdict is for, or None.
        versions: Versions of the parts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    created: str
    command: tuple[str, ...]
    preset: str
    spaces: dict[str, SpaceSettings]
    trials_per_space: int = Field(ge=1)
    max_steps: int = Field(ge=1)
    eval_every: int = Field(ge=1)
    grace_steps: int = Field(ge=1)
    reduction_factor: int = Field(ge=2)
    rungs: tuple[int, ...]
    scheduler: str
    late_promotion: bool = True
    curve_prediction: bool = False
    objectives: tuple[Objective, ...] = ("miou",)
    audit_fraction: float = Field(0.0, ge=0, le=1)
    search_alg: str
    warm_start: dict[str, tuple[dict[str, Any], ...]] = Field(default_factory=dict)
    warm_start_from: str | None = None
    seed: int
    finalists: int = Field(1, ge=1)
    finalist_seeds: int = Field(ge=0)
    equal: Literal["trials", "device-seconds"] = "trials"
    trials_by_space: dict[str, int] | None = None
    device_seconds_per_space: float | None = None
    budget_seconds: float | None = None
    validation_windows: int | None
    data: DataSettings
    encoder_weights: str
    encoder_hashes: dict[str, str]
    equal_starts: bool
    storage: str
    tracking_uri: str
    device: DeviceSettings
    evaluation: EvaluationSettings
    layouts: dict[str, LayoutSettings] = Field(default_factory=dict)
    deployment: Literal["edge", "server"] | None
    versions: dict[str, str]

    def searched_spaces(self) -> tuple[Space, ...]:
        """The spaces, in their order."""
        return tuple(entry.space(name) for name, entry in self.spaces.items())

    def trials_of(self, space: str) -> int:
        """Trials of a space, the baseline included."""
        return self.trials_per_space if self.trials_by_space is None else self.trials_by_space[space]

    @property
    def trials_in_all(self) -> int:
        """Trials of all spaces."""
        return sum(self.trials_of(space) for space in self.spaces)

    def open_data(self) -> tuple[Dataset, Split]:
        """Open the data, and split them as the search does.

        Raises:
            InputError: If they are not those that the search began with, or can't be opened.
        """
        return open_split(
            self.data.source,
            by=self.data.split_by,
            seed=self.seed,
            fingerprint=self.data.fingerprint,
            expected_hash=self.data.split_hash,
        )

    def with_memory_options(self, loader_workers: int | None, image_cache_gb: float | None) -> Self:
        """The settings with other memory for data, where given; no result depends on it."""
        given = {"loader_workers": loader_workers, "image_cache_gb": image_cache_gb}
        changes = {name: value for name, value in given.items() if value is not None}
        return self.model_copy(update={"device": self.device.model_copy(update=changes)})


def write_settings(settings: SearchSettings, folder: Path) -> None:
    """Write the settings into the search's folder, in one piece."""
    write_settings_file(settings, folder)


def read_settings(folder: Path) -> SearchSettings:
    """Read a search's settings.

    Raises:
        InputError: If the folder holds none, or they are damaged.
    """
    return read_settings_file(SearchSettings, folder, whose="search")
