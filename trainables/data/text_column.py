"""Many short texts in one block of bytes: some hundred thousand names without a Python object each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

_END = "\0"
"""Ends every text; no file system has it in a name."""

_ERRORS = "surrogatepass"
"""Names of files that are no valid Unicode come with surrogates, which only this handler encodes."""


@dataclass(frozen=True, slots=True, eq=False)
class TextColumn(Sequence[str]):
    """Texts that never change, in UTF-8; their order as bytes is their order as texts.

    Attributes:
        data: The texts one after the other, each followed by a zero byte, (bytes,) uint8.
        ends: Where in `data` each text's zero byte is, (N,).
    """

    data: NDArray[np.uint8]
    ends: NDArray[np.int64]

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> "TextColumn":
        """Store texts, none of which may contain a zero byte."""
        return cls.from_bytes("".join(f"{text}{_END}" for text in texts).encode(errors=_ERRORS))

    @classmethod
    def from_bytes(cls, data: bytes | NDArray[np.uint8]) -> "TextColumn":
        """The column whose `data` these bytes are.

        Raises:
            ValueError: The last text has no end.
        """
        array = np.frombuffer(data, dtype=np.uint8)
        if array.size and array[-1] != 0:
            raise ValueError("the last text has no end")
        return cls(array, np.flatnonzero(array == 0).astype(np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> "TextColumn": ...

    def __getitem__(self, index: int | slice) -> "str | TextColumn":
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        if not -len(self) <= index < len(self):
            raise IndexError(f"text {index} of {len(self)}")
        return self._bytes(index % len(self)).decode(errors=_ERRORS)

    def to_list(self) -> list[str]:
        """All texts, much faster than one by one."""
        return self.data.tobytes().decode(errors=_ERRORS).split(_END)[:-1]

    def take(self, positions: NDArray[np.integer]) -> "TextColumn":
        """The texts at some positions, in that order; quick where neighbours stay together."""
        if len(positions) == 0:
            return self.from_bytes(b"")
        breaks = np.flatnonzero(np.diff(positions) != 1) + 1
        firsts = positions[np.concatenate(([0], breaks))]
        lasts = positions[np.concatenate((breaks - 1, [len(positions) - 1]))]
        begins, stops = self._begins(firsts), self.ends[lasts] + 1
        runs = [self.data[begin:stop] for begin, stop in zip(begins.tolist(), stops.tolist(), strict=True)]
        lengths = self.ends[positions] - self._begins(positions) + 1
        return TextColumn(np.concatenate(runs), np.cumsum(lengths) - 1)

    def place_of(self, text: str) -> int | None:
        """Position of a text in a column whose texts ascend; None where it is not there."""
        wanted = text.encode(errors=_ERRORS)
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._bytes(middle) < wanted:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self) and self._bytes(low) == wanted else None

    def _begins(self, positions: NDArray[np.integer]) -> NDArray[np.int64]:
        return np.where(positions == 0, 0, self.ends[positions - 1] + 1)

    def _bytes(self, position: int) -> bytes:
        begin = int(self.ends[position - 1]) + 1 if position else 0
        return self.data[begin : int(self.ends[position])].tobytes()
