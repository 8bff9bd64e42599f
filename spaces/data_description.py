"""What a user's YAML file says of data: where the files lie, and what the masks' values mean."""

import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    field_serializer,
    field_validator,
    model_validator,
)

from spaces.complaints import located_error
from spaces.file_patterns import FilePattern

DEFAULT_IMAGES = "{capture}/images/{stem}.*"
DEFAULT_MASKS = "{capture}/masks/{stem}.*"
MOST_CLASSES = 255
HIGHEST_VALUE = 65_535

Channel = Annotated[int, Field(ge=0, le=255, strict=True)]
Colour = tuple[Channel, Channel, Channel]
StoredValue = Annotated[int, Field(ge=0, le=HIGHEST_VALUE, strict=True)]


def _as_values(written: Any) -> Any:
    """One value, a list of them, or a range: 255, [1, 2] or {low: 128, high: 255}."""
    if not isinstance(written, Mapping):
        return (written,) if isinstance(written, int) else written
    if set(written) != {"low", "high"} or not all(type(end) is int for end in written.values()):
        raise ValueError("a value, a list of values, or {low: , high: } with whole numbers")
    if not 0 <= written["low"] < written["high"] <= HIGHEST_VALUE:
        raise ValueError(f"low must be below high, and both 0 to {HIGHEST_VALUE}")
    return tuple(range(written["low"], written["high"] + 1))


def _as_colour(written: Any) -> Any:
    """A colour as it is, unless it can be none: then how one is written."""
    if isinstance(written, str):
        digits = written.strip().removeprefix("#")
        if len(digits) == 6 and all(digit in "0123456789abcdefABCDEF" for digit in digits):
            raise ValueError(f"{written!r} is written {list(bytes.fromhex(digits))}")
    if isinstance(written, str | Mapping) or (
        isinstance(written, list | tuple)
        and (len(written) != 3 or any(isinstance(part, list | tuple) for part in written))
    ):
        raise ValueError(f"one colour is three numbers from 0 to 255, as in [220, 0, 0]; found {written!r}")
    return written


class ClassDescription(BaseModel):
    """One class; its place in the list is its index.

    Attributes:
        name: Its name.
        values: What grey masks hold for it, where they hold neither indices nor colours.
        colour: Its colour, in colour masks and wherever it is drawn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    values: Annotated[tuple[StoredValue, ...], BeforeValidator(_as_values)] = ()
    colour: Annotated[Colour | None, BeforeValidator(_as_colour)] = None

    @field_serializer("values")
    def _as_written(self, values: tuple[int, ...]) -> list[int] | dict[str, int]:
        if len(values) > 2 and values == tuple(range(values[0], values[-1] + 1)):
            return {"low": values[0], "high": values[-1]}
        return list(values)


class DataDescription(BaseModel):
    """How a data folder is to be read, wherever it lies.

    Attributes:
        images: Where images lie, as `FilePattern` reads it.
        masks: Where their masks lie.
        photo: Regular expression whose group, in an image's whole stem, names the photo that it was cut from; by
            default the photo is what stands before `_patch_`.
        capture: Regular expression whose group, in an image's whole stem, names its capture.
        classes: The classes; empty where `class_mapping.csv` has them.
        ignored: Grey values and colours of masks that mean no class on purpose.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: str = DEFAULT_IMAGES
    masks: str = DEFAULT_MASKS
    photo: str | None = None
    capture: str | None = None
    classes: tuple[ClassDescription, ...] = ()
    ignored: tuple[StoredValue | Colour, ...] = ()

    @field_validator("images", "masks")
    @classmethod
    def _check_pattern(cls, text: str) -> str:
        FilePattern.parse(text)
        return text

    @field_validator("photo", "capture")
    @classmethod
    def _check_expression(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                groups = re.compile(text).groups
            except re.error as error:
                raise ValueError(f"no regular expression: {error}") from None
            if groups != 1:
                raise ValueError(f"{groups} groups in parentheses; exactly one says which part of the name it is")
        return text

    @field_validator("classes")
    @classmethod
    def _check_classes(cls, classes: tuple[ClassDescription, ...]) -> tuple[ClassDescription, ...]:
        if classes and not 2 <= len(classes) <= MOST_CLASSES:
            raise ValueError(f"there must be 2 to {MOST_CLASSES} classes, the background first; found {len(classes)}")
        kinds: dict[str, list[tuple[Any, int]]] = {
            "name": [(one.name, place) for place, one in enumerate(classes)],
            "colour": [(one.colour, place) for place, one in enumerate(classes) if one.colour is not None],
            "values": [(value, place) for place, one in enumerate(classes) for value in one.values],
        }
        for key, found in kinds.items():
            seen: set[Any] = set()
            for value, place in found:
                if value in seen:
                    kind = key.removesuffix("s")
                    shown = list(value) if isinstance(value, tuple) else value
                    raise located_error(f"the {kind} {shown!r} is there twice; classes must differ", place, key)
                seen.add(value)
        without = [place for place, one in enumerate(classes) if not one.values]
        if without and len(without) < len(classes):
            name = classes[without[0]].name
            text = f"{name!r} has no values, others have; give values to all classes or to none"
            raise located_error(text, without[0])
        return classes

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if {"images", "masks"} & self.model_fields_set and not {"images", "masks"} <= self.model_fields_set:
            given = "images" if "images" in self.model_fields_set else "masks"
            raise located_error("give both images: and masks:, or neither", given)
        if self.masks_pattern.captured != self.images_pattern.captured:
            # Masks of two captures in one folder: images of one name would share a mask.
            one, other = ("masks", "images") if self.masks_pattern.captured else ("images", "masks")
            raise located_error(f"{one}: has {{capture}}, which {other}: has not", one)
        if self.images_pattern.captured and self.capture is not None:
            text = "capture: names captures by file names, {capture} in images: by folders; keep one of them"
            raise located_error(text, "capture")
        if self.images_pattern == self.masks_pattern:
            raise located_error("images: and masks: are the same files", "masks")
        for place, value in enumerate(self.ignored):
            if any(value in (*one.values, one.colour) for one in self.classes):
                raise located_error(f"ignored: {value!r} is that of a class", "ignored", place)
        return self

    @cached_property
    def images_pattern(self) -> FilePattern:
        """`images`, parsed."""
        return FilePattern.parse(self.images)

    @cached_property
    def masks_pattern(self) -> FilePattern:
        """`masks`, parsed."""
        return FilePattern.parse(self.masks)

    def as_text(self) -> str | None:
        """What differs from the defaults, as JSON that `from_text` reads; None where nothing does."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        if {"images", "masks"} & content.keys():
            # Neither is taken without the other, even where one of them is the default.
            content |= {"images": self.images, "masks": self.masks}
        return json.dumps(content) if content else None

    @classmethod
    def from_text(cls, text: str | None) -> "DataDescription":
        """The description that `as_text` wrote."""
        return cls() if text is None else cls.model_validate_json(text)


class DataFile(DataDescription):
    """A data file, or the `data:` of a space file.

    Attributes:
        root: The data folder, relative to the file, or a URI.
        class_mapping: A CSV with the classes, relative to the file; in the place of `classes`.
        labeled_list: The list of labelled photos, relative to the file.
    """

    root: str = Field(min_length=1)
    class_mapping: str | None = None
    labeled_list: str | None = None
    _places: dict[str, str] = PrivateAttr(default_factory=dict)

    def place_of(self, key: str) -> str | None:
        """File and line of a key, for messages; None where the file has no such key."""
        return self._places.get(key)

    def at(self, places: Mapping[str, str]) -> Self:
        """The same, knowing the file and line of each key."""
        known = self.model_copy()
        known._places = dict(places)
        return known

    @model_validator(mode="after")
    def _check_source_of_classes(self) -> Self:
        if self.classes and self.class_mapping is not None:
            text = "classes: and class_mapping: both name the classes; keep one of them"
            raise located_error(text, "class_mapping")
        return self

    @property
    def description(self) -> DataDescription:
        """What holds wherever the folder lies."""
        fields = self.model_fields_set & DataDescription.model_fields.keys()
        return DataDescription.model_validate({name: getattr(self, name) for name in fields})
