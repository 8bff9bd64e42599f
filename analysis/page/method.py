"""How the search was made: the settings as sentences and lists, and the command that repeats it."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.page.formatting import setting
from spaces.durations import duration_text
from trainables.tracking.uri import without_password

if TYPE_CHECKING:
    from analysis.decision_record import Decision


@dataclass(frozen=True, slots=True)
class Topic:
    """A heading of the section with its facts: label and value."""

    title: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """Options of `analysis.report`, besides those that the decision itself holds, which its command must repeat.

    Attributes:
        search: Name of the search, or its folder.
        runs: Folder that holds the searches; None for the default.
        tracking_uri: Where MLflow recorded it, if it was read from there.
        costs: File of costs measured elsewhere, if given.
        out: Folder of the report, if given.
        images: Whether pictures were asked for.
    """

    search: str
    runs: str | None = None
    tracking_uri: str | None = None
    costs: str | None = None
    out: str | None = None
    images: bool = False

    def words(self) -> list[str]:
        """The options as words of a command line; a password in the URI is starred out, for pages get passed on."""
        given = (
            ("--search", self.search),
            ("--runs", self.runs),
            ("--tracking-uri", None if self.tracking_uri is None else without_password(self.tracking_uri)),
            ("--costs", self.costs),
            ("--out", self.out),
        )
        words = [word for option, value in given if value is not None for word in (option, value)]
        return [*words, "--images"] if self.images else words


def make_topics(settings: Mapping[str, Any]) -> tuple[Topic, ...]:
    """What was searched, on which data, by which rules, where, and with which versions; absent facts are left out."""
    data, device = settings.get("data") or {}, settings.get("device") or {}
    topics = (
        Topic("Data", tuple(_data_facts(data, settings))),
        Topic(
            "Search",
            _present(
                ("spaces", ", ".join(settings.get("spaces") or ())),
                ("objectives", settings.get("objectives")),
                ("trials per space", settings.get("trials_per_space")),
                ("trials by space, at most", settings.get("trials_by_space")),
                ("spaces get the same", settings.get("equal")),
                ("device-seconds per space", settings.get("device_seconds_per_space")),
                ("planned for", _duration(settings.get("budget_seconds"))),
                ("proposals", settings.get("search_alg")),
                ("warm start from", settings.get("warm_start_from")),
                ("stopping rule", settings.get("scheduler")),
                ("rungs, steps", settings.get("rungs")),
                ("grace, steps", settings.get("grace_steps")),
                ("reduction factor", settings.get("reduction_factor")),
                ("late promotion", settings.get("late_promotion") if settings.get("scheduler") == "asha" else None),
                ("curve prediction", settings.get("curve_prediction") or None),
                ("share of stopped trials trained on as a check", settings.get("audit_fraction")),
                ("steps of a full trial", settings.get("max_steps")),
                ("evaluation every, steps", settings.get("eval_every")),
                ("preset", settings.get("preset")),
                ("seed", settings.get("seed")),
                ("finalists per space", settings.get("finalists")),
                ("finalists' seeds", settings.get("finalist_seeds")),
            ),
        ),
        Topic("Device", _present(*((_device_label(str(name)), value) for name, value in device.items()))),
        Topic("Versions", _present(*(settings.get("versions") or {}).items())),
    )
    return tuple(topic for topic in topics if topic.facts)


def _duration(seconds: float | None) -> str | None:
    return None if seconds is None else duration_text(seconds)


def _device_label(name: str) -> str:
    return "CPU threads that costs were measured with" if name == "cost_threads" else name.replace("_", " ")


def _data_facts(data: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    images = data.get("images") or {}
    yield from _present(
        ("images", data.get("description")),
        ("folder", data.get("root")),
        ("fingerprint", data.get("fingerprint")),
        ("kept together in the split", data.get("split_by")),
        ("images in each part", images),
        ("classes", [entry.get("name") for entry in data.get("classes") or ()]),
        ("encoders start from", settings.get("encoder_weights")),
        ("all spaces start alike", settings.get("equal_starts")),
    )
    for name, value in (data.get("floor_miou") or {}).items():
        yield (f"mIoU of {str(name).replace('_', ' ')}", setting(value))


def _present(*facts: tuple[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((str(label), _text(value)) for label, value in facts if value not in (None, "", (), [], {}))


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(entry)}" for name, entry in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_text(entry) for entry in value)
    return setting(value)


def repeat_command(settings: Mapping[str, Any]) -> str:
    """The command line that makes this search again, under a name of its own.

    The search's own words where the settings hold them; otherwise the same search spelt out from its settings.
    """
    words = _without_name([str(word) for word in settings.get("command") or ()])
    if not words:
        words = list(_words(settings))
    if words[:1] and not words[0].startswith("-"):
        return shlex.join(words)
    return shlex.join(["python", "-m", "search.run", *words])


def _without_name(words: list[str]) -> list[str]:
    """A command line without the search's own name, which is taken."""
    kept: list[str] = []
    for previous, word in zip(["", *words], words, strict=False):
        if word in {"--resume", "--name"} or word.startswith("--name=") or previous == "--name":
            continue
        kept.append(word)
    return kept


def report_command(options: ReportOptions, decision: "Decision", searched_for: str | None = None) -> str:
    """The command line that writes this report again.

    Args:
        options: The options it was written with.
        decision: Holds the deployment and the budgets.
        searched_for: The deployment of the search's settings, which holds where the command names none.
    """
    words = ["python", "-m", "analysis.report", *options.words()]
    if decision.deployment != (searched_for or "any"):
        words += ["--deployment", decision.deployment]
    for limit, value in decision.budgets.given().items():
        words += ["--" + limit.replace("_", "-"), f"{value:.15g}"]
    return shlex.join(words)


def _words(settings: Mapping[str, Any]) -> Iterator[str]:
    data = settings.get("data") or {}
    options = (
        ("--space", ",".join(settings.get("spaces") or ())),
        ("--data", data.get("root")),
        ("--split-by", data.get("split_by") if data.get("root") else None),
        ("--encoder-weights", settings.get("encoder_weights")),
        ("--trials", settings.get("trials_per_space")),
        ("--max-steps", settings.get("max_steps")),
        ("--eval-every", settings.get("eval_every")),
        ("--grace-steps", settings.get("grace_steps")),
        ("--reduction-factor", settings.get("reduction_factor")),
        ("--scheduler", settings.get("scheduler")),
        ("--audit-fraction", settings.get("audit_fraction") or None),
        ("--search-alg", settings.get("search_alg")),
        ("--warm-start", settings.get("warm_start_from")),
        ("--objectives", ",".join(settings.get("objectives") or ())),
        ("--equal", settings.get("equal")),
        ("--finalists", settings.get("finalists")),
        ("--finalist-seeds", settings.get("finalist_seeds")),
        ("--seed", settings.get("seed")),
    )
    for option, value in options:
        if value not in (None, ""):
            yield from (option, str(value))
    if settings.get("late_promotion") is False:
        yield "--no-late-promotion"
    if settings.get("curve_prediction"):
        yield "--curve-prediction"
