"""Reading search spaces: the built-in ones by name, a user's own by the path of its YAML file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from spaces.data_file import described_data
from spaces.device_names import is_device_name
from spaces.errors import InputError
from spaces.parameters import Domain, Parameter
from spaces.space import Space, SpaceError, make_space
from spaces.yaml_file import YamlFile, read_mapping

FOLDER = Path(__file__).parent
SHARED = "recipe"
"""Built-in file that others extend and that is no space by itself."""

NOT_SPACES = {SHARED, "presets"}


def _no_device(name: str) -> str:
    if is_device_name(name):
        raise ValueError(
            f"{name!r} is the name of a device on Windows; files are named after a space, so choose another"
        )
    return name


def _as_domains(value: Any) -> Any:
    return [value] if isinstance(value, Mapping) else value


class SpaceFile(BaseModel):
    """A space as it stands in its file, before what it extends is added."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, AfterValidator(_no_device)] = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    description: str = ""
    extends: str | None = None
    data: str | dict[str, Any] | None = None
    baseline: dict[str, Any] = Field(default_factory=dict)
    parameters: dict[str, Annotated[tuple[Domain, ...] | None, BeforeValidator(_as_domains)]] = Field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True)
class _Source:
    content: SpaceFile
    file: YamlFile

    @property
    def path(self) -> Path:
        return self.file.path


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
        space = make_space(
            source.content.name,
            source.content.description,
            baseline,
            [Parameter(name=name, domains=value) for name, value in parameters.items() if value is not None],
        )
    except SpaceError as error:
        raise InputError(f"{_place(chain, error.location)}: {error}") from None
    lines = {
        (part, name): _place(chain, (part, name))
        for part, names in (("baseline", baseline), ("parameters", parameters))
        for name in names
    }
    data = next((part.path for part in chain if part.content.data is not None), None)
    return replace(space, lines=lines, data=data)


def _place(chain: Sequence[_Source], location: tuple[str, ...]) -> str:
    """File and line of a part of a space: in the space's own file if it says something of it, else where it is from."""
    for source in chain:
        written: Any = source.file.content
        for part in (location[:1], ("baseline",), ("parameters",)):
            if location and location[1] in (written.get(part[0]) or {}):
                return f"space file {source.path}, line {source.file.line_of((*part, location[1]))}"
    return f"space file {chain[0].path}, line {chain[0].file.line_of(location)}"


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


def data_of_spaces(spaces: Sequence[Space]) -> str | None:
    """The file that says which data some spaces are for; None where none of them says so.

    Raises:
        InputError: If they are for different data.
    """
    files = {space.data for space in spaces if space.data is not None}
    found = {path: described_data(read_mapping(path, "space file", "data:")) for path in files}
    if len(set(map(repr, found.values()))) > 1:
        names = ", ".join(sorted(map(str, files)))
        raise InputError(f"--space: {names} name different data; search them one by one, or say which by --data")
    return str(min(files)) if files else None


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
        source = _Source(SpaceFile.model_validate(file.content), file)
    except ValidationError as error:
        raise file.complaint(error) from None
    if source.content.data is not None:
        # Another --data, or another file's data:, may take the place of a folder that is not there.
        described_data(file, must_exist=False)
    return source
