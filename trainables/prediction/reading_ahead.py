"""Photos that are opened while those before them are predicted."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from trainables.data.dataset import UnreadableImageError
from trainables.prediction.photo import Photo
from trainables.prediction.photo_files import PhotoFile

BYTES_AHEAD = 4_000_000
"""Further photos are opened while the files that wait are smaller together: many patches, or one large photo."""

MOST_AHEAD = 64
_THREADS = 2


def opened_ahead(
    files: Iterable[PhotoFile],
    open_one: Callable[[PhotoFile], Photo],
    failed: Callable[[PhotoFile, str], None],
) -> Generator[Photo, None, None]:
    """Open photos in order, ahead of who takes them; one that can't be opened is told of and left out.

    Args:
        files: What to open.
        open_one: Opens a photo; called in other threads.
        failed: Told what is wrong with a photo, in this thread.
    """
    remaining = iter(files)
    waiting: deque[tuple[PhotoFile, int, Future[Photo]]] = deque()
    with ThreadPoolExecutor(_THREADS) as threads:
        try:
            while True:
                while not waiting or (sum(size for _, size, _ in waiting) < BYTES_AHEAD and len(waiting) < MOST_AHEAD):
                    file = next(remaining, None)
                    if file is None:
                        break
                    waiting.append((file, _bytes(file), threads.submit(open_one, file)))
                if not waiting:
                    return
                file, _, opening = waiting.popleft()
                # The next one is opened from here on, while this one is predicted.
                if not waiting and (following := next(remaining, None)) is not None:
                    waiting.append((following, _bytes(following), threads.submit(open_one, following)))
                try:
                    photo = opening.result()
                except (UnreadableImageError, OSError, MemoryError) as error:
                    failed(file, " ".join(str(error).split()) or f"{file.path}: {type(error).__name__}")
                    continue
                yield photo
        finally:
            threads.shutdown(wait=True, cancel_futures=True)


def _bytes(file: PhotoFile) -> int:
    try:
        return file.path.stat().st_size
    except OSError:
        # Opening it tells why.
        return 0
