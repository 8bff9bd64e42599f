"""`python -m trainables.train --config FILE`: trains one configuration in full, without a search."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spaces.command_line import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, check_resume_options, run_command
from spaces.errors import InputError
from trainables.full_training.options import MAY_CHANGE_ON_RESUME, make_parser

if TYPE_CHECKING:
    from trainables.full_training.recording import TrainingRecording
    from trainables.full_training.run import TrainingState
    from trainables.full_training.settings import TrainingSettings
    from trainables.training.trainer import Trainer


def main(words: Sequence[str]) -> int:
    """Run the command.

    Raises:
        spaces.errors.InputError: If an option, a file or the data are wrong.
    """
    options = make_parser().parse_args(words)
    if options.resume:
        check_resume_options(options, MAY_CHANGE_ON_RESUME, "training")
        return _resume(options)
    if options.config is None:
        raise InputError("--config is missing; give a YAML or JSON file, or the name of a built-in space")
    return _start(options)


def _start(options: argparse.Namespace) -> int:
    from trainables.full_training.plan import plan_training
    from trainables.full_training.recording import TrainingRecording, make_recorder
    from trainables.full_training.run import state_of
    from trainables.full_training.settings import write_settings
    from trainables.journal import TRAINING_FILE, Journal
    from trainables.run_folder import check_name, create_folder, free_folder, locked

    runs = Path(options.runs)
    if options.name:
        free_folder(runs, check_name(options.name))
    planned = plan_training(options, _say)
    settings = planned.settings
    # A tracking server that can't be reached is told before anything is there.
    recorder = make_recorder(settings)
    folder = create_folder(runs, settings.name)
    with locked(folder):
        Journal(folder, TRAINING_FILE).close()
        write_settings(settings, folder)
        _say(f"training {settings.name} in {folder}")
        for line in _plan_lines(settings):
            _say(f"  {line}")
        recording = TrainingRecording(settings, folder, recorder)
        return _run(settings, folder, planned.trainer, recording, state_of(()), unreported=None)


def _resume(options: argparse.Namespace) -> int:
    from trainables.checkpoint_store import LAST, FolderStore
    from trainables.full_training.conclusion import forget_last, write_panels
    from trainables.full_training.recording import TrainingRecording
    from trainables.full_training.run import state_of
    from trainables.full_training.settings import existing_folder, read_settings
    from trainables.full_training.trainer_making import trainer_again
    from trainables.journal import TRAINING_FILE, read_journal
    from trainables.run_folder import locked

    folder = existing_folder(Path(options.runs), options.name)
    with locked(folder):
        settings = read_settings(folder)
        given = {name: getattr(options, name) for name in ("loader_workers", "image_cache_gb")}
        settings = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
        state = state_of(read_journal(folder, TRAINING_FILE))
        if state.stop_reason == "diverged":
            raise InputError(f"{folder}: {state.error}, and would be again; train with a lower learning_rate")
        if state.stop_reason == "completed":
            _say(f"{settings.name} is finished; bringing MLflow up to date")
            recording = TrainingRecording(settings, folder)
            kept = FolderStore(folder.parent).read(folder.name, LAST)
            if kept is not None:
                # It was killed after its last step, maybe before it drew its pictures.
                write_panels(folder, trainer_again(settings, kept["trainer"]))
                forget_last(folder)
            return _conclude(settings, folder, recording, state)
        kept = FolderStore(folder.parent).read(folder.name, LAST)
        trainer = trainer_again(settings, None if kept is None else kept["trainer"])
        _say(f"going on with {settings.name} in {folder} after step {trainer.step:,} of {settings.max_steps:,}")
        recording = TrainingRecording(settings, folder)
        return _run(settings, folder, trainer, recording, state, unreported=None if kept is None else kept["metrics"])


def _run(
    settings: "TrainingSettings",
    folder: Path,
    trainer: "Trainer",
    recording: "TrainingRecording",
    state: "TrainingState",
    *,
    unreported: str | None,
) -> int:
    from trainables.full_training.conclusion import forget_last, write_panels
    from trainables.full_training.run import TrainingRun, state_of
    from trainables.journal import TRAINING_FILE, read_journal

    try:
        TrainingRun(settings, folder, trainer, recording.take, _say).run(state.step, unreported)
    except Exception:
        _tell_failures(recording.finish(None, ()))
        raise
    state = state_of(read_journal(folder, TRAINING_FILE))
    if state.stop_reason == "completed":
        write_panels(folder, trainer)
        forget_last(folder)
    return _conclude(settings, folder, recording, state)


def _conclude(
    settings: "TrainingSettings", folder: Path, recording: "TrainingRecording", state: "TrainingState"
) -> int:
    from trainables.full_training.conclusion import best_checkpoint, outcome_lines, read_panels, resume_command

    completed = state.stop_reason == "completed"
    failures = recording.finish(best_checkpoint(folder) if completed else None, read_panels(folder))
    for line in outcome_lines(settings, folder, state):
        _say(line)
    _tell_failures(failures)
    if completed:
        return EXIT_DONE
    if state.stop_reason == "interrupted":
        _say(f"interrupted; go on with: {resume_command(settings, folder)}")
        return EXIT_INTERRUPTED
    kept = "what was best before is kept" if best_checkpoint(folder) else "there was no evaluation before"
    advice = {
        "diverged": "a lower learning_rate may help",
        "out_of_memory": "a smaller batch_size or crop_size may help",
    }
    sys.stderr.write(f"failed: {state.error}; {kept}; {advice[str(state.stop_reason)]}\n")
    return EXIT_FAILED


def _plan_lines(settings: "TrainingSettings") -> list[str]:
    origin, data = settings.origin, settings.data
    source = f"trial {origin.trial_id} of {origin.search}" if origin.trial_id else origin.file
    images = ", ".join(f"{count:,} {part}" for part, count in settings.images.items())
    return [
        f"{source}: {settings.config.architecture} on {settings.config.encoder}, encoder starts from "
        f"{settings.encoder_weights}, seed {settings.seed}",
        f"{settings.data_description}: {images}, split by {data.split_by} with seed {data.split_seed}",
        f"{settings.max_steps:,} steps, evaluated every {settings.eval_every:,}",
        f"{settings.device}, {settings.threads} threads ({settings.device_description}): {settings.layout.line()}",
    ]


def _tell_failures(failures: Sequence[str]) -> None:
    for failure in failures:
        sys.stderr.write(f"{failure}\n")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run_command(main)
