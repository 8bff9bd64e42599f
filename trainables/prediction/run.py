"""Photos pass through networks window by window; their masks follow row by row."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, tee

import numpy as np
from numpy.typing import NDArray

from trainables.data.validation_cells import Cell
from trainables.evaluation.ensemble import averaged_blocks
from trainables.evaluation.settings import EvaluationSettings
from trainables.evaluation.sliding_window import Block, NonFinitePredictionError, predicted_blocks, predicted_rows
from trainables.evaluation.windows import WantedImage
from trainables.full_disk import full_disk_error
from trainables.prediction.display import PredictionDisplay
from trainables.prediction.masks import PhotoMasks, make_masks
from trainables.prediction.networks import Networks
from trainables.prediction.photo import Photo, open_photo
from trainables.prediction.photo_files import PhotoFile
from trainables.prediction.reading_ahead import opened_ahead
from trainables.prediction.records import Records
from trainables.prediction.writing_behind import WritingBehind


@dataclass(slots=True)
class _InFlight:
    """A photo of which windows are predicted.

    Attributes:
        photo: The photo.
        left: Pixels whose classes are not known yet.
        band: Rows that are not complete, and their first one: windows without overlap give them piece by piece.
        missing: Pixels missing in it.
        masks: Where its rows go; None before the first one and after a failure.
        failed: Whether a failure was told.
    """

    photo: Photo
    left: int
    band: NDArray[np.uint8] | None = None
    missing: int = 0
    masks: PhotoMasks | None = None
    failed: bool = False


class PredictionRun:
    """Predicts photos and writes their masks; a photo that fails is told of and the others go on.

    Args:
        networks: What predicts.
        overlap: Share of a window's side.
        kinds: Which masks to write.
        records: Where complete photos are noted.
        display: Told of progress and failures.

    Attributes:
        failures: Photos that have no masks now.
    """

    def __init__(
        self, networks: Networks, overlap: float, kinds: Sequence[str], records: Records, display: PredictionDisplay
    ) -> None:
        self._networks = networks
        self._settings = EvaluationSettings(overlap=overlap)
        self._kinds = kinds
        self._records = records
        self._display = display
        self._colours = np.array(networks.classes.colours, dtype=np.uint8)
        self._scales = tuple({member.config.image_scale for member in networks.members})
        self._flight: dict[int, _InFlight] = {}
        self._writing = WritingBehind()
        self._predicted: set[str] = set()
        self._telling = threading.Lock()
        self._full_disk: OSError | None = None
        self.failures = 0

    def predict(self, files: Sequence[PhotoFile]) -> None:
        """Predict photos.

        Raises:
            OSError: The disk is full; what is complete stays.
        """
        batches: list[Sequence[PhotoFile]] = [files]
        try:
            while batches:
                batch = batches.pop()
                try:
                    self._pass(batch)
                except NonFinitePredictionError:
                    batches += self._after_non_finite(batch)
            self._writing.finish()
            self._check_disk()
        finally:
            # Interrupted: what is under way leaves nothing behind.
            for one in self._flight.values():
                self._drop(one)
            self._writing.close()

    def _pass(self, files: Sequence[PhotoFile]) -> None:
        """Windows of all photos in one stream, so that batches are full however small photos are."""
        open_one = partial(open_photo, scales=self._scales)
        with closing(opened_ahead(files, open_one, self._could_not_open)) as photos:
            for block in self._blocks(self._started(photos)):
                self._take(block)
                self._check_disk()

    def _blocks(self, photos: Iterator[Photo]) -> Iterator[Block]:
        members, sizes = self._networks.members, self._networks.batch_sizes
        images = [
            map(partial(_wanted, scale), photos_)
            for scale, photos_ in zip(
                (member.config.image_scale for member in members), tee(photos, len(members)), strict=True
            )
        ]
        if len(members) == 1:
            member = members[0]
            return chain.from_iterable(
                predicted_blocks(
                    member.model,
                    member.config,
                    images[0],
                    settings=self._settings,
                    layout=member.layout,
                    batch_size=sizes[0],
                )
            )
        return averaged_blocks(
            [
                predicted_rows(
                    member.model,
                    member.config,
                    wanted,
                    settings=self._settings,
                    layout=member.layout,
                    batch_size=size,
                )
                for member, wanted, size in zip(members, images, sizes, strict=True)
            ]
        )

    def _started(self, photos: Iterator[Photo]) -> Iterator[Photo]:
        """Number photos as the blocks will name them."""
        for place, photo in enumerate(photos):
            self._flight[place] = _InFlight(photo, photo.height * photo.width)
            yield photo

    def _take(self, block: Block) -> None:
        one = self._flight[block.image]
        classes = block.classes.cpu().numpy()
        photo, cell = one.photo, block.cell
        if classes.shape[1] < photo.width:
            if one.band is None:
                one.band = np.empty((len(classes), photo.width), dtype=np.uint8)
                one.missing = one.band.size
            one.band[:, cell.left : cell.right] = classes
            one.missing -= classes.size
            if one.missing:
                return
            classes, one.band = one.band, None
        one.left -= classes.size
        self._writing.do(partial(self._write, one, cell.top, classes))
        self._display.advanced(classes.size, 1 - one.left / (photo.height * photo.width))
        if one.left == 0:
            del self._flight[block.image]
            self._predicted.add(photo.file.name)
            self._writing.do(partial(self._finish, one))

    def _write(self, one: _InFlight, top: int, classes: NDArray[np.uint8]) -> None:
        if one.failed:
            return
        try:
            if one.masks is None:
                one.masks = make_masks(one.photo, self._records.mask_paths(one.photo.file, self._kinds), self._colours)
            one.masks.add(top, classes)
        except (OSError, ValueError, MemoryError) as error:
            self._fail_writing(one, error)

    def _finish(self, one: _InFlight) -> None:
        one.photo.close()
        if one.photo.failure is not None and not one.failed:
            self._fail(one, one.photo.failure)
        if not one.failed and one.masks is not None:
            try:
                self._records.add(one.photo.file, one.masks.finish())
            except (OSError, ValueError, MemoryError) as error:
                self._fail_writing(one, error)
        self._display.ended()

    def _fail_writing(self, one: _InFlight, error: Exception) -> None:
        self._full_disk = self._full_disk or full_disk_error(error)
        self._fail(one, f"{one.photo.file.path}: its masks can't be written: {error or type(error).__name__}")

    def _fail(self, one: _InFlight, line: str) -> None:
        one.failed = True
        if one.masks is not None:
            one.masks.abandon()
        self._tell(line)

    def _could_not_open(self, file: PhotoFile, line: str) -> None:
        self._predicted.add(file.name)
        self._tell(line)
        self._display.ended()

    def _tell(self, line: str) -> None:
        with self._telling:
            self.failures += 1
            self._display.failed(line)

    def _drop(self, one: _InFlight) -> None:
        """Give up a photo without a word."""
        one.failed = True
        one.photo.close()
        self._writing.do(partial(_abandon, one))

    def _after_non_finite(self, files: Sequence[PhotoFile]) -> list[Sequence[PhotoFile]]:
        """What is still to be predicted: a batch held NaN or infinity, and one of the photos under way is to blame."""
        under_way = [one.photo.file for one in self._flight.values()]
        for one in self._flight.values():
            self._drop(one)
        self._flight.clear()
        if len(under_way) == 1:
            self._predicted.add(under_way[0].name)
            self._tell(f"{under_way[0].path}: a network predicts NaN or infinity for it")
            self._display.ended()
        started = {file.name for file in under_way}
        rest = [file for file in files if file.name not in self._predicted | started]
        # Each of several by itself, the first one next.
        again: list[Sequence[PhotoFile]] = [(file,) for file in reversed(under_way) if len(under_way) > 1]
        return [rest, *again] if rest else again

    def _check_disk(self) -> None:
        if self._full_disk is not None:
            raise self._full_disk


def _abandon(one: _InFlight) -> None:
    if one.masks is not None:
        one.masks.abandon()


def _wanted(image_scale: float, photo: Photo) -> WantedImage:
    whole = Cell(0, photo.height, 0, photo.width)
    return WantedImage(photo.height, photo.width, (whole,), partial(photo.rows, image_scale))


def predict_photos(
    files: Sequence[PhotoFile],
    networks: Networks,
    *,
    overlap: float,
    kinds: Sequence[str],
    records: Records,
) -> int:
    """Predict photos, write their masks, and return how many failed.

    Raises:
        OSError: The disk is full.
    """
    display = PredictionDisplay(len(files))
    run = PredictionRun(networks, overlap, kinds, records, display)
    with display.showing():
        run.predict(files)
    return run.failures
