"""What a user's YAML file says of data: where the files lie, and what the masks' values mean."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_serializer, field_validator, model_validator

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
    colour: Colour | None = None

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
        kinds: dict[str, list[Any]] = {
            "name": [one.name for one in classes],
            "colour": [one.colour for one in classes if one.colour is not None],
            "value": [value for one in classes for value in one.values],
        }
        for kind, found in kinds.items():
            twice, times = max(Counter(found).items(), key=lambda entry: entry[1], default=(None, 0))
            if times > 1:
                raise ValueError(f"the {kind} {twice!r} is there twice; classes must differ")
        without = [one.name for one in classes if not one.values]
        if without and len(without) < len(classes):
            raise ValueError(f"{without[0]!r} has no values, others have; give values to all classes or to none")
        return classes

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if {"images", "masks"} & self.model_fields_set and not {"images", "masks"} <= self.model_fields_set:
            raise ValueError("give both images: and masks:, or neither")
        if self.masks_pattern.captured != self.images_pattern.captured:
            # Masks of two captures in one folder: images of one name would share a mask.
            one, other = ("masks", "images") if self.masks_pattern.captured else ("images", "masks")
            raise ValueError(f"{one}: has {{capture}}, which {other}: has not")
        if self.images_pattern.captured and self.capture is not None:
            raise ValueError("capture: names captures by file names, {capture} in images: by folders; keep one of them")
        if self.images_pattern == self.masks_pattern:
            raise ValueError("images: and masks: are the same files")
        for value in self.ignored:
            if any(value in (*one.values, one.colour) for one in self.classes):
                raise ValueError(f"ignored: {value!r} is that of a class")
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

    @model_validator(mode="after")
    def _check_source_of_classes(self) -> Self:
        if self.classes and self.class_mapping is not None:
            raise ValueError("classes: and class_mapping: both name the classes; keep one of them")
        return self

    @property
    def description(self) -> DataDescription:
        """What holds wherever the folder lies."""
        fields = self.model_fields_set & DataDescription.model_fields.keys()
        return DataDescription.model_validate({name: getattr(self, name) for name in fields})
