"""Reading search spaces: the built-in ones by name, a user's own by the path of its YAML file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from spaces.complaints import near_name
from spaces.data_description import DataFile
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
    """One range or list of choices, or several under conditions; None drops a parameter that is extended."""
    if isinstance(value, Mapping):
        return [value]
    if isinstance(value, list) and value and not any(isinstance(one, Mapping) for one in value):
        numbers = len(value) == 2 and all(type(one) in {int, float} for one in value)
        as_range = f"{{low: {value[0]}, high: {value[1]}}} for a range, or " if numbers else ""
        words = ", ".join(str(one).lower() if isinstance(one, bool) else str(one) for one in value)
        raise ValueError(f"a bare list; write {as_range}{{choices: [{words}]}} for these values alone")
    if isinstance(value, bool | int | float | str):
        raise ValueError(  # noqa: TRY004 - pydantic reports it as it is
            f"{value!r} alone varies nothing; write {{low: , high: }} or {{choices: [...]}}"
        )
    return value


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
            raise InputError(f"{chain[-1].file.place_of(('extends',))}: extends: {error}") from None
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
            for name in location[1:]:
                if name in (written.get(part[0]) or {}):
                    return source.file.place_of((*part, name))
    return chain[0].file.place_of(location)


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
        # A file extends one space, which may be the one that is no space by itself.
        names = (*builtin_space_names(), "all" if beside is None else SHARED)
        near = near_name(name_or_path, names)
        raise InputError(
            f"unknown space {name_or_path!r}{near}; one of: {', '.join(names)}, or the path of a YAML file"
        )
    if not path.is_file():
        raise InputError(f"space file {path} does not exist")
    return path.resolve()


def _read(path: Path) -> _Source:
    file = read_mapping(path, "space file", "name:, baseline: and parameters:")
    if "root" in file.content and not file.content.keys() & (SpaceFile.model_fields.keys() - DataFile.model_fields):
        raise InputError(f"{file.place_of(('root',))}: root: this describes data: use --data {path}")
    try:
        source = _Source(SpaceFile.model_validate(file.content), file)
    except ValidationError as error:
        raise file.complaint(error, SpaceFile) from None
    if source.content.data is not None:
        # Another --data, or another file's data:, may take the place of a folder that is not there.
        described_data(file, must_exist=False)
    return source
