"""Presets: the size of a search, by name."""

from functools import cache
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field

from spaces.errors import InputError

FILE = Path(__file__).with_name("presets.yaml")


class Preset(BaseModel):
    """How large a search is, where no option says otherwise.

    Attributes:
        description: One line for people.
        trials: Trials per space, the baseline included.
        max_steps: Optimiser steps of a full training.
        eval_every: Steps between evaluations.
        reduction_factor: Of the trials at a rung, one in this many goes on.
        finalists: Configurations of each space that are re-run for the verdict.
        finalist_seeds: Seeds on which the finalists are re-run for the verdict; 0 leaves the finals out.
        validation_windows: Windows that each validation covers at most; None for all. The test part is always covered.
        config: Values that replace those of every space's baseline.
        on_data: Entries that replace the above when the user brings data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str
    trials: int = Field(ge=1)
    max_steps: int = Field(ge=1)
    eval_every: int = Field(ge=1)
    reduction_factor: int = Field(ge=2)
    finalists: int = Field(1, ge=1)
    finalist_seeds: int = Field(ge=0)
    validation_windows: int | None = Field(None, ge=1)
    config: dict[str, Any] = Field(default_factory=dict)
    on_data: dict[str, Any] = Field(default_factory=dict)

    def for_data(self) -> Self:
        """The preset as it is when the user brings data of their own."""
        return type(self).model_validate(self.model_dump() | self.on_data | {"on_data": {}})


@cache
def _presets() -> dict[str, Preset]:
    entries = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {name: Preset.model_validate(entry) for name, entry in entries.items()}


def preset_names() -> tuple[str, ...]:
    """Names of the presets."""
    return tuple(_presets())


def load_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        InputError: If there is none.
    """
    if name not in _presets():
        raise InputError(f"unknown preset {name!r}; one of: {', '.join(preset_names())}")
    return _presets()[name]
