"""`python -m trainables.predict --checkpoint FILE IMAGES...`: masks for photos of any size."""

import warnings
from collections.abc import Sequence
from pathlib import Path

from spaces.command_line import EXIT_DONE, EXIT_FAILED, run_command, terminated_as_interrupted
from spaces.errors import InputError
from trainables.prediction.options import make_parser
from trainables.prediction.photo_files import find_photos


def main(words: Sequence[str]) -> int:
    """Run the command.

    Raises:
        spaces.errors.InputError: If an option, a checkpoint or a name of photos is wrong.
    """
    options = make_parser().parse_args(words)
    photos = find_photos(options.images, recursive=options.recursive, output=options.output)
    # Both are as they should be: large photos, and large TIFFs without a georeference.
    warnings.filterwarnings("ignore", message="Image size .* exceeds limit")
    warnings.filterwarnings("ignore", message="Dataset has no geotransform")
    from trainables.prediction.class_areas import write_class_areas
    from trainables.prediction.display import say
    from trainables.prediction.networks import Wishes, load_networks
    from trainables.prediction.records import Records
    from trainables.prediction.run import predict_photos
    from trainables.run_folder import locked

    wishes = Wishes(
        runtime=options.runtime,
        precision=options.precision,
        device=options.device,
        window=options.window,
        batch=options.batch,
        threads=options.threads,
    )
    networks = load_networks(options.checkpoint, wishes)
    folder = _made(options.output)
    with terminated_as_interrupted(), locked(folder), Records(folder, (networks.identity, options.overlap)) as records:
        if not options.force:
            records.check_masks_are_theirs(photos)
        todo = [photo for photo in photos if options.force or not records.is_complete(photo, options.masks)]
        skipped = len(photos) - len(todo)
        say(f"photos to predict: {len(todo):,}" + (f"; complete already: {skipped:,}" if skipped else ""))
        say(networks.description)
        try:
            failures = predict_photos(todo, networks, overlap=options.overlap, kinds=options.masks, records=records)
        finally:
            write_class_areas(folder / options.summary, records.areas(), networks.classes.names)
    say(f"predicted: {len(todo) - failures:,}; failed: {failures:,}; masks and {options.summary} in {folder}")
    return EXIT_FAILED if failures else EXIT_DONE


def _made(folder: Path) -> Path:
    """The folder, which is made where it is not there.

    Raises:
        InputError: If it can't be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--output {folder}: can't be made: {error.strerror or error}") from None
    return folder


if __name__ == "__main__":
    run_command(main)
