"""Reading a data file: a YAML file that says where data lie and what they mean, or a space file with `data:`."""

from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from spaces.data_description import DataFile
from spaces.errors import InputError
from spaces.yaml_file import YamlFile, read_mapping

DATA_FILE_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
DATA_KEY = "data"
_WHAT = "data file"
_SPACE_KEYS = frozenset({"extends", "baseline", "parameters"})
_EXPECTED = "root:, images:, masks: and classes:, or a space with data:"


def is_data_file(path: Path) -> bool:
    """Whether a path is that of a data file rather than of a data folder."""
    return path.suffix.lower() in DATA_FILE_SUFFIXES and not path.is_dir()


def read_data_file(path: Path) -> DataFile:
    """Read a data file, with its paths made absolute.

    Raises:
        InputError: If it can't be read or is wrong, or a space without data; the message has the file's name and line.
    """
    return described_data(read_mapping(path, _WHAT, _EXPECTED))


def described_data(file: YamlFile, *, must_exist: bool = True) -> DataFile:
    """What a file, or its `data:`, says; `data:` may also name another data file.

    Args:
        file: The file.
        must_exist: Whether the folder and files that it names must be there.

    Raises:
        InputError: If it is wrong; the message has the file's name and line.
    """
    folder = file.path.absolute().parent
    within = (DATA_KEY,) if DATA_KEY in file.content else ()
    content = file.content[DATA_KEY] if within else file.content
    if isinstance(content, str):
        other = read_mapping(folder / _expanded(content), _WHAT, _EXPECTED)
        if DATA_KEY in other.content:
            raise InputError(
                f"{file.place_of(within)}: data: {content!r} has data: itself; name a file that begins with root:"
            )
        return described_data(other, must_exist=must_exist)
    if not within and _SPACE_KEYS & content.keys():
        key = min(_SPACE_KEYS & content.keys())
        raise InputError(
            f"{file.place_of((key,))}: {key}: this describes a search space that has no data:, use --space {file.path}"
        )
    try:
        found = DataFile.model_validate(content)
    except ValidationError as error:
        raise file.complaint(error, DataFile, *within) from None
    paths: dict[str, str] = {}
    for name in ("root", "class_mapping", "labeled_list"):
        given = getattr(found, name)
        if given is None or (name == "root" and "://" in given):
            continue
        line = f"{file.place_of((*within, name))}: {name}:"
        if "://" in given:
            raise InputError(f"{line} must be a local file; only root: may be a URI")
        paths[name] = str((folder / _expanded(given)).resolve())
        if must_exist and not Path(paths[name]).exists():
            raise InputError(f"{line} there is no {paths[name]}")
    return found.model_copy(update=paths).at({key: file.place_of((*within, key)) for key in content})


def _expanded(path: str) -> Path:
    """A path with `~` spelled out, where that is known."""
    with suppress(RuntimeError):
        return Path(path).expanduser()
    return Path(path)
