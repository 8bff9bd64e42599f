"""Reading YAML and JSON files so that a complaint can name the line."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.constructor import ConstructorError

from spaces.complaints import first_complaint, location_of
from spaces.errors import InputError

_BOOLEAN = "tag:yaml.org,2002:bool"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads `on` and `off` as the words they are, as YAML 1.2 does: a strategy is called off."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, form) for tag, form in resolvers if tag != _BOOLEAN or first not in "oO"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """What a node says; a word that is not of its kind, a date 2026-99-99 say, is told with its line."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, AttributeError):
            kind = node.tag.rpartition(":")[2]
            raise ConstructorError(None, None, f"{node.value!r} is no {kind}", node.start_mark) from None


class _Dumper(yaml.SafeDumper):
    """Puts words in quotes that `_Loader`, or any other reader, would take for something else."""


for _kind in (_Loader, _Dumper):
    # YAML 1.1 takes 3e-4 for a word, because it has no point.
    _kind.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
    )


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A mapping read from a file, with the place of each of its parts.

    Attributes:
        path: The file.
        what: What it is to the user, for messages: "space file".
        content: The mapping.
        node: The same with lines.
    """

    path: Path
    what: str
    content: Mapping[str, Any]
    node: yaml.MappingNode

    def line_of(self, location: tuple[int | str, ...]) -> int:
        """Line, from 1, of the deepest part of `location` that the file has."""
        node: yaml.Node = self.node
        line = node.start_mark.line + 1
        for part in location:
            if isinstance(node, yaml.MappingNode):
                found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
                if found is not None:
                    line = found[0].start_mark.line + 1
                    node = found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
        return line

    def place_of(self, location: tuple[int | str, ...]) -> str:
        """File and line of a part, for messages."""
        return f"{self.what} {self.path}, line {self.line_of(location)}"

    def complaint(self, error: ValidationError, model: type[BaseModel], *within: str) -> InputError:
        """One line from pydantic's report on the content as a model, or on the part of it under the keys `within`."""
        return InputError(f"{self.place_of((*within, *location_of(error)))}: {first_complaint(error, model)}")


def yaml_text(content: Mapping[str, Any]) -> str:
    """A mapping as text that `read_mapping` reads back as it is, in the mapping's order."""
    return yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def read_mapping(path: Path, what: str, expected: str) -> YamlFile:
    """Read a YAML file, or a JSON one if its name ends in .json, that holds a mapping.

    Args:
        path: The file.
        what: What it is to the user, for messages.
        expected: What the mapping would hold, for messages.

    Raises:
        InputError: If the file can't be read, or holds something else; the message has its name and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".json":
            json.loads(text)
            # JSON is YAML but for tabs, which JSON has between its words only.
            text = text.replace("\t", " ")
        node, content = _parsed(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{what} {path}, line {error.lineno}: {error.msg}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{what} {path} can't be read: {error}") from None
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f", line {line + 1}" if line is not None else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise InputError(f"{what} {path}{where}: {problem}") from None
    if not isinstance(content, Mapping) or not isinstance(node, yaml.MappingNode):
        raise InputError(f"{what} {path}: expected {expected}")
    return YamlFile(path, what, content, node)


def _parsed(text: str) -> tuple[yaml.Node | None, Any]:
    """The text's nodes, which know their lines, and its content."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        _refuse_repeated_keys(node)
        return node, None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _refuse_repeated_keys(root: yaml.Node | None) -> None:
    """YAML itself would take the last of them and say nothing."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        # Aliases lead to one node from several places, and may go round in a circle.
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            keys: set[tuple[str, str]] = set()
            for key, value in node.value:
                waiting.append(value)
                if isinstance(key, yaml.ScalarNode):
                    if (key.tag, key.value) in keys:
                        raise ConstructorError(None, None, f"{key.value!r} is there twice", key.start_mark)
                    keys.add((key.tag, key.value))
