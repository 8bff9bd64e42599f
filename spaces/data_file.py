"""Reading a data file: a YAML file that says where data lie and what they mean, or a space file with `data:`."""

from pathlib import Path

from pydantic import ValidationError

from spaces.data_description import DataFile
from spaces.errors import InputError
from spaces.yaml_file import YamlFile, read_mapping

DATA_FILE_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
DATA_KEY = "data"
_WHAT = "data file"
_EXPECTED = "root:, images:, masks: and classes:, or a space with data:"


def is_data_file(path: Path) -> bool:
    """Whether a path is that of a data file rather than of a data folder."""
    return path.suffix.lower() in DATA_FILE_SUFFIXES and not path.is_dir()


def read_data_file(path: Path) -> DataFile:
    """Read a data file, with its paths made absolute.

    Raises:
        InputError: If it can't be read or is wrong; the message has the file's name and line.
    """
    return described_data(read_mapping(path, _WHAT, _EXPECTED))


def described_data(file: YamlFile) -> DataFile:
    """What a file, or its `data:`, says; `data:` may also name another data file.

    Raises:
        InputError: If it is wrong; the message has the file's name and line.
    """
    folder = file.path.absolute().parent
    within = (DATA_KEY,) if DATA_KEY in file.content else ()
    content = file.content[DATA_KEY] if within else file.content
    if isinstance(content, str):
        other = read_mapping(folder / content, _WHAT, _EXPECTED)
        if DATA_KEY in other.content:
            raise InputError(
                f"{file.what} {file.path}, line {file.line_of(within)}: data: {content!r} has data: itself; name a "
                "file that begins with root:"
            )
        return described_data(other)
    try:
        found = DataFile.model_validate(content)
    except ValidationError as error:
        raise file.complaint(error, *within) from None
    paths = {
        name: str((folder / Path(given).expanduser()).resolve())
        for name in ("root", "class_mapping", "labeled_list")
        if (given := getattr(found, name)) is not None and "://" not in given
    }
    for name, path in paths.items():
        if not Path(path).exists():
            line = file.line_of((*within, name))
            raise InputError(f"{file.what} {file.path}, line {line}: {name}: there is no {path}")
    return found.model_copy(update=paths)
