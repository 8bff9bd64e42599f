"""Running a full training from its first step, or from its last evaluation, to its end."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spaces.command_line import terminated_as_interrupted
from trainables.checkpoint_store import BEST, LAST, FolderStore
from trainables.compute.out_of_memory import is_out_of_memory
from trainables.full_training.display import TrainingDisplay
from trainables.full_training.settings import TrainingSettings
from trainables.journal import TRAINING_FILE, Event, Journal
from trainables.training.divergence import DivergedError

if TYPE_CHECKING:
    from trainables.training.trainer import Trainer

TEST_FILE = "test.json"


@dataclass(frozen=True, slots=True)
class TrainingState:
    """What a training's journal says.

    Attributes:
        evaluated: Metrics of the evaluations by step.
        stop_reason: Why the last sitting ended; None where it was killed, or there was none.
        error: What ended it, where something went wrong.
        test_miou: Foreground mIoU of the best model on the test part, if it was evaluated.
    """

    evaluated: dict[int, Event]
    stop_reason: str | None
    error: str | None
    test_miou: float | None

    @property
    def step(self) -> int:
        """Last evaluated step, 0 before the first evaluation."""
        return max(self.evaluated, default=0)

    @property
    def best(self) -> Event | None:
        """The evaluation with the highest mIoU, the first of them."""
        return max(self.evaluated.values(), key=lambda event: event["miou"], default=None)


def state_of(events: Iterable[Event]) -> TrainingState:
    """Read a training's journal."""
    evaluated: dict[int, Event] = {}
    stop_reason = error = test_miou = None
    for event in events:
        if event["event"] == "opened":
            stop_reason = error = None
        elif event["event"] == "evaluated":
            evaluated[event["step"]] = event
        elif event["event"] == "tested":
            test_miou = event["metrics"]["test_miou"]
        elif event["event"] == "ended":
            stop_reason, error = event["stop_reason"], event.get("error")
    return TrainingState(evaluated, stop_reason, error, test_miou)


class TrainingRun:
    """One sitting of a training: what happens goes to its journal first, then to listeners."""

    def __init__(
        self,
        settings: TrainingSettings,
        folder: Path,
        trainer: "Trainer",
        listener: Callable[[Event], None],
        write: Callable[[str], None],
    ) -> None:
        """Take up a training, new or begun.

        Args:
            settings: The training.
            folder: Its folder, locked by the caller.
            trainer: At the last state that was kept.
            listener: Called with each event after it is on disk.
            write: Takes lines for people.
        """
        self._settings = settings
        self._folder = folder
        self._trainer = trainer
        self._listener = listener
        self._write = write
        self._store = FolderStore(folder.parent)
        self._notes: set[str] = set()

    def run(self, journaled_step: int, unreported: str | None) -> None:
        """Train to the end, or until something ends the sitting; why is in the journal.

        Args:
            journaled_step: Last evaluation that the journal has.
            unreported: The metrics, as JSON, of the evaluation at which the trainer stands.

        Raises:
            Exception: What went wrong, if it is no divergence and no lack of memory; it is journaled before.
        """
        with Journal(self._folder, TRAINING_FILE) as journal:

            def tell(event: str, **content: Any) -> None:
                self._listener(journal.append(event, **content))

            tell("opened")
            if unreported is not None and self._trainer.step > journaled_step:
                # A crash came between this evaluation's checkpoint and its line in the journal.
                tell("evaluated", **json.loads(unreported))
            stop_reason, error = "completed", None
            try:
                with terminated_as_interrupted():
                    self._train(tell)
                    self._test(tell)
            except KeyboardInterrupt:
                stop_reason = "interrupted"
            except DivergedError as found:
                stop_reason, error = "diverged", str(found)
            except Exception as found:
                # Whatever it was, the record must say that the training ended.
                out_of_memory = is_out_of_memory(found)
                stop_reason = "out_of_memory" if out_of_memory else "error"
                error = " ".join(f"{type(found).__name__}: {found}".split())
                if not out_of_memory:
                    tell("ended", stop_reason=stop_reason, step=self._trainer.step, error=error)
                    raise
            tell("ended", stop_reason=stop_reason, step=self._trainer.step, error=error)

    def _train(self, tell: Callable[..., None]) -> None:
        trainer = self._trainer
        display = TrainingDisplay(self._settings, trainer, self._write)
        with display.showing():
            while not trainer.finished:
                best_before = trainer.best_miou
                metrics = trainer.advance()
                if trainer.best_miou > best_before:
                    self._store.write(self._folder.name, BEST, trainer.best_model_state())
                state = {"trainer": trainer.state_dict(), "metrics": json.dumps(metrics)}
                self._store.write(self._folder.name, LAST, state)
                tell("evaluated", **metrics)
                display.evaluated(metrics)
                for note in trainer.notes:
                    if note not in self._notes:
                        self._notes.add(note)
                        self._write(note)

    def _test(self, tell: Callable[..., None]) -> None:
        if not self._settings.evaluate_test:
            return
        from trainables.evaluation.metrics import evaluation_metrics

        self._write("evaluating the best model on the test part")
        evaluation = self._trainer.evaluate("test", best=True)
        names = tuple(entry["name"] for entry in self._settings.classes)
        metrics = {f"test_{name}": value for name, value in evaluation_metrics(evaluation, names).items()}
        content = {
            "metrics": metrics,
            "groups": list(evaluation.groups),
            "confusion": [matrix.tolist() for matrix in evaluation.confusion],
        }
        path = self._folder / TEST_FILE
        path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
        tell("tested", metrics=metrics, evaluation=content)
