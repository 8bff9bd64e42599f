"""Reading search spaces: the built-in ones by name, a user's own by the path of its YAML file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from spaces.errors import InputError
from spaces.parameters import Domain, Parameter
from spaces.space import Space, make_space
from spaces.yaml_file import read_mapping

FOLDER = Path(__file__).parent
SHARED = "recipe"
"""Built-in file that others extend and that is no space by itself."""

NOT_SPACES = {SHARED, "presets"}


def _as_domains(value: Any) -> Any:
    return [value] if isinstance(value, Mapping) else value


class SpaceFile(BaseModel):
    """A space as it stands in its file, before what it extends is added."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    description: str = ""
    extends: str | None = None
    baseline: dict[str, Any] = Field(default_factory=dict)
    parameters: dict[str, Annotated[tuple[Domain, ...] | None, BeforeValidator(_as_domains)]] = Field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True)
class _Source:
    content: SpaceFile
    path: Path


def builtin_space_names() -> tuple[str, ...]:
    """Names of the spaces that come with the project, the light ones first."""
    return tuple(sorted((path.stem for path in FOLDER.glob("*.yaml") if path.stem not in NOT_SPACES), key=_lightest))


def load_space(name_or_path: str) -> Space:
    """Read a built-in space by name, or a user's own by the path of its YAML file.

    Raises:
        InputError: If there is no such space, or its file is wrong; the message has the file's name and line.
    """
    source = _read(_locate(name_or_path, beside=None))
    chain = [source]
    while chain[-1].content.extends is not None:
        try:
            parent = _locate(chain[-1].content.extends, beside=chain[-1].path.parent)
        except InputError as error:
            raise InputError(f"space file {chain[-1].path}: extends: {error}") from None
        if any(parent == seen.path for seen in chain):
            raise InputError(f"{source.path}: extends {chain[-1].content.extends!r} goes round in a circle")
        chain.append(_read(parent))
    baseline: dict[str, Any] = {}
    parameters: dict[str, tuple[Domain, ...] | None] = {}
    for part in reversed(chain):
        baseline |= part.content.baseline
        parameters |= part.content.parameters
    try:
        return make_space(
            source.content.name,
            source.content.description,
            baseline,
            [Parameter(name=name, domains=value) for name, value in parameters.items() if value is not None],
        )
    except InputError as error:
        raise InputError(f"{source.path}: {error}") from None


def load_spaces(text: str) -> tuple[Space, ...]:
    """Read the spaces of a `--space` option: names or paths with commas between, or `all`.

    Raises:
        InputError: If one can't be read, or two have the same name.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise InputError(f"--space names no space; one of: {', '.join(builtin_space_names())}, all, or a YAML file")
    names = builtin_space_names() if words == ["all"] else tuple(words)
    spaces = tuple(load_space(name) for name in names)
    seen = [space.name for space in spaces]
    for name in seen:
        if seen.count(name) > 1:
            raise InputError(f"--space {text}: two spaces are called {name!r}; names must differ")
    return spaces


def _lightest(name: str) -> tuple[bool, int, str]:
    order = ("unet", "unetplusplus", "deeplabv3plus")
    return (name not in order, order.index(name) if name in order else 0, name)


def _locate(name_or_path: str, beside: Path | None) -> Path:
    builtin = FOLDER / f"{name_or_path}.yaml"
    if name_or_path in (*builtin_space_names(), *((SHARED,) if beside else ())):
        return builtin
    path = Path(name_or_path) if beside is None else beside / name_or_path
    if path.suffix.lower() not in {".yaml", ".yml"}:
        known = ", ".join(builtin_space_names())
        raise InputError(f"unknown space {name_or_path!r}; one of: {known}, all, or the path of a YAML file")
    if not path.is_file():
        raise InputError(f"space file {path} does not exist")
    return path.resolve()


def _read(path: Path) -> _Source:
    file = read_mapping(path, "space file", "name:, baseline: and parameters:")
    try:
        return _Source(SpaceFile.model_validate(file.content), path)
    except ValidationError as error:
        raise file.complaint(error) from None
