"""What a model card says: every fact from the search's records, or that it is not recorded."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.comparison import Estimate, group_warning, score_estimate
from analysis.model_card_limits import limits_of
from analysis.model_card_subject import Subject
from analysis.model_card_values import NOT_MEASURED, NOT_RECORDED, amount, is_missing, number, points, setting
from analysis.tables import CONFIG_PREFIX, COST_COLUMNS
from spaces.configuration import OFF, REFERENCE_STEPS
from spaces.durations import duration_text
from trainables.tracking.uri import without_password

if TYPE_CHECKING:
    from analysis.decision_record import Decision
    from analysis.results import SearchResults

UNUSED_WITHOUT_SELFTRAINING = (
    *("selftraining_", "threshold_base", "threshold_background", "threshold_offsets", "threshold_decay"),
    *("threshold_sigmas", "strong_", "complementary_dropout", "cutmix"),
)
"""Beginnings of settings that mean nothing to a trial without self-training."""

COST_LABELS = {
    "parameters": ("parameters", ",.0f", ""),
    "macs": ("multiply-accumulates of one image", ",.0f", ""),
    "checkpoint_mb": ("size of the weights", ".3g", " MB"),
    "latency_ms_p50": ("latency of one image, median", ".3g", " ms"),
    "latency_ms_p90": ("latency of one image, 90th percentile", ".3g", " ms"),
    "throughput_img_s": ("throughput", ".3g", " images/s"),
    "peak_memory_mb": ("peak memory", ".4g", " MB"),
}

Fact = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ClassShare:
    """A class and how much of the test part it is."""

    name: str
    index: int
    colour: str
    share: str


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """A score with its interval, written out in points."""

    label: str
    value: str
    interval: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCard:
    """The content of a card; texts as they are, nothing escaped.

    Attributes:
        title: Search and trial.
        search: The search's name.
        model: Facts of the model itself.
        verdict: The search's verdict.
        data: Facts of the data.
        classes: The classes by index.
        procedure: Facts of the training.
        settings: Every setting of the trial.
        evaluation_note: What was evaluated, in one sentence.
        scores: Scores on the test part; empty without finals.
        evaluation_details: Sentences on them.
        costs_note: What they were measured on.
        costs: The costs.
        limits: What the model is not good for, or what is not known of it.
        versions: Of the parts.
        files: Path and SHA-256 of the files that the card rests on.
    """

    title: str
    search: str
    model: tuple[Fact, ...]
    verdict: str
    data: tuple[Fact, ...]
    classes: tuple[ClassShare, ...]
    procedure: tuple[Fact, ...]
    settings: tuple[Fact, ...]
    evaluation_note: str
    scores: tuple[ScoreLine, ...]
    evaluation_details: tuple[str, ...]
    costs_note: str
    costs: tuple[Fact, ...]
    limits: tuple[str, ...]
    versions: tuple[Fact, ...]
    files: tuple[Fact, ...]


def card_content(
    results: "SearchResults", decision: "Decision", subject: Subject, folder: Path | None = None
) -> ModelCard:
    """Collect what a card says.

    Args:
        results: The search.
        decision: Its verdict.
        subject: The model.
        folder: The search's folder, whose files' digests the card gives; None where it is not at hand.
    """
    settings = results.settings
    data = settings.get("data") or {}
    names = [str(entry.get("name")) for entry in data.get("classes") or ()]
    counts = _test_pixels(subject)
    unit = "capture" if data.get("split_by") == "capture" else "photo"
    device = str((settings.get("device") or {}).get("description") or NOT_RECORDED)
    return ModelCard(
        title=f"{settings.get('name')}, {subject.trial_id}",
        search=str(settings.get("name")),
        model=tuple(_model(subject, settings, len(names))),
        verdict=decision.sentence,
        data=tuple(_data(data, settings)),
        classes=tuple(_classes(data, counts)),
        procedure=tuple(_procedure(results, subject)),
        settings=tuple(_trial_settings(subject.trial)),
        evaluation_note=_evaluation_note(subject, unit),
        scores=tuple(_scores(subject, names)),
        evaluation_details=tuple(_details(subject, data, unit)),
        costs_note=f"Of the network alone, in eager PyTorch and float32, measured by the search on: {device}, with "
        f"{(settings.get('device') or {}).get('cost_threads', NOT_RECORDED)} CPU thread(s). Other devices, number "
        "formats and runtimes: not measured here; analysis.benchmark measures them.",
        costs=tuple(_costs(subject)),
        limits=tuple(limits_of(results, subject, names, counts, unit)),
        versions=tuple((str(name), str(value)) for name, value in (settings.get("versions") or {}).items()),
        files=tuple(_files(folder, subject, settings)),
    )


def _model(subject: Subject, settings: Mapping[str, Any], classes: int) -> Iterator[Fact]:
    trial = subject.trial
    yield "chosen because", subject.why
    yield "space", subject.space
    for name in ("architecture", "encoder", "heads", "decoder_width"):
        yield name.replace("_", " "), setting(trial.get(CONFIG_PREFIX + name))
    yield "parameters", number(trial.get("parameters"), ",.0f", "")
    yield "input", "RGB photos, 8 bits a channel"
    yield "photos are scaled by", setting(trial.get(CONFIG_PREFIX + "image_scale"))
    yield "trained on crops of", f"{setting(trial.get(CONFIG_PREFIX + 'crop_size'))} px"
    yield "output", f"a probability for each of {classes} classes, per pixel" if classes else NOT_RECORDED
    yield "encoder started from", str(settings.get("encoder_weights") or NOT_RECORDED)
    hashes = settings.get("encoder_hashes") or {}
    if digest := hashes.get(str(trial.get(CONFIG_PREFIX + "encoder"))):
        yield "digest of the encoder's weights", str(digest)
    yield "licence of these weights, contact", NOT_RECORDED


def _data(data: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Fact]:
    yield "images", str(data.get("description") or NOT_RECORDED)
    images = data.get("images") or {}
    yield "split", ", ".join(f"{count} {part}" for part, count in images.items()) or NOT_RECORDED
    yield "kept together in the split", str(data.get("split_by") or NOT_RECORDED)
    yield "seed of the split", setting(settings.get("seed"))
    yield "digest of the split", str(data.get("split_hash") or NOT_RECORDED)
    yield "fingerprint of names and contents", str(data.get("fingerprint") or NOT_RECORDED)


def _classes(data: Mapping[str, Any], counts: "np.ndarray[Any, np.dtype[np.int64]] | None") -> Iterator[ClassShare]:
    total = 0 if counts is None else int(counts.sum())
    for index, entry in enumerate(data.get("classes") or ()):
        share = NOT_MEASURED
        if counts is not None and total and index < counts.shape[-1]:
            share = f"{counts.sum(axis=0)[index] / total:.2%}"
        yield ClassShare(str(entry.get("name")), index, ", ".join(map(str, entry.get("colour") or ())), share)


def _procedure(results: "SearchResults", subject: Subject) -> Iterator[Fact]:
    settings, trial = results.settings, subject.trial
    steps, full = int(trial["step"]), settings.get("max_steps")
    yield "optimiser steps", f"{steps} of {full}" if full else f"{steps}"
    yield (
        "settings in steps",
        f"warm-up, self-training's start and averages are those of {REFERENCE_STEPS:,} steps, and were scaled to these",
    )
    yield "ended because", str(trial["stop_reason"] or "it had not ended when this was written")
    yield "images seen, with repetition", number(trial.get("images_seen"), ",.0f", "")
    yield "seed", str(int(trial["seed"]))
    strategy = setting(trial.get(CONFIG_PREFIX + "threshold_strategy"))
    if strategy == OFF:
        yield "self-training", "none: trained on labelled images only"
    else:
        unlabelled = ((settings.get("data") or {}).get("images") or {}).get("unlabelled", NOT_RECORDED)
        yield "self-training", f"on {unlabelled} unlabelled images, pseudo-labels trusted by the strategy {strategy}"
        yield "share of pixels trusted at the end", number(trial.get("mask_ratio"), ".1%", "")
    layout = (settings.get("layouts") or {}).get(subject.space) or {}
    yield "number format", str(layout.get("precision") or NOT_RECORDED)
    yield "trained on", str((settings.get("device") or {}).get("description") or NOT_RECORDED)
    for name, label in (("train_seconds", "training"), ("evaluation_seconds", "evaluations")):
        value = amount(trial.get(name))
        yield f"time of its {label}", NOT_RECORDED if value is None else duration_text(value)
    yield "energy, emissions", NOT_RECORDED
    searched = results.trials[(results.trials["phase"] == "search") & (results.trials["space"] == subject.space)]
    rule = f"proposed by {setting(settings.get('search_alg'))}, stopped early by {setting(settings.get('scheduler'))}"
    yield "its settings are the choice of", f"{len(searched)} trials of the space, {rule}"


def _trial_settings(trial: Any) -> Iterator[Fact]:
    unused = UNUSED_WITHOUT_SELFTRAINING if trial.get(CONFIG_PREFIX + "threshold_strategy") == OFF else ()
    for column in trial.index:
        name = str(column).removeprefix(CONFIG_PREFIX)
        if name != column and not is_missing(trial[column]) and not name.startswith(unused):
            yield name, setting(trial[column])


def _evaluation_note(subject: Subject, unit: str) -> str:
    finalist = subject.finalist
    if finalist is None:
        return "This configuration was not evaluated on the test part: it has only its score on the validation part."
    groups, seeds = len(finalist.evaluations[0].groups), len(finalist.evaluations)
    these = "these weights are one of the runs" if subject.is_run else "these weights are none of the runs"
    return (
        f"On the test part, {groups} {unit}{'' if groups == 1 else 's'} that nothing was chosen on: means over "
        f"{seeds} run{'' if seeds == 1 else 's'} of the configuration with different seeds; {these}. Intervals are of "
        f"95 %, over seeds and {unit}s; in points of IoU (100 points are a perfect score)."
    )


def _scores(subject: Subject, names: list[str]) -> Iterator[ScoreLine]:
    finalist = subject.finalist
    if finalist is None:
        return
    yield _score_line("mIoU of the foreground classes", finalist.miou)
    own = [test for test in finalist.evaluations if test.trial_id == subject.trial_id]
    if own and len(finalist.evaluations) > 1:
        yield _score_line("the same, of these weights alone", score_estimate(own))
    for index in range(finalist.evaluations[0].confusion.shape[-1]):
        name = names[index] if index < len(names) else f"class {index}"
        estimate = score_estimate(finalist.evaluations, class_index=index)
        background = " (background, not in the mean)" if index == 0 else ""
        if math.isfinite(estimate.value):
            yield _score_line(f"IoU of {name}{background}", estimate)
        else:
            yield ScoreLine(f"IoU of {name}{background}", f"{NOT_MEASURED}: the test part has none", "none")
    for name, label, form in (
        ("boundary_miou", "boundary mIoU", "{:.2f}"),
        ("calibration_error", "expected calibration error, per cent", "{:.2f}"),
    ):
        value = finalist.mean_of(name)
        yield ScoreLine(label, form.format(100 * value) if math.isfinite(value) else NOT_MEASURED, "none")


def _score_line(label: str, estimate: Estimate) -> ScoreLine:
    known = estimate.low is not None and estimate.high is not None
    interval = f"{100 * (estimate.low or 0.0):.2f} to {100 * (estimate.high or 0.0):.2f}" if known else "none"
    return ScoreLine(label, f"{100 * estimate.value:.2f}", interval)


def _details(subject: Subject, data: Mapping[str, Any], unit: str) -> Iterator[str]:
    best = subject.trial.get("best_miou")
    yield (
        f"On the validation part, on which its weights were chosen, these weights reach {points(best)} points of "
        "mIoU at their best evaluation; that is no estimate for new photos."
    )
    for name, value in (data.get("floor_miou") or {}).items():
        what = {"majority_class": "always the one best class", "untrained": "the untrained network"}.get(name, name)
        yield f"For comparison, on the validation part: {what} scores {points(value)} points."
    if subject.finalist is None:
        return
    if (warning := group_warning(len(subject.finalist.evaluations[0].groups), unit)) is not None:
        yield warning
    if len(subject.finalist.evaluations) == 1:
        yield "One seed: how much another run would differ is not known, so there are no intervals."
    if subject.finalist.broken is not None:
        yield "Some runs of this configuration ended without a score; they are not part of the means."


def _costs(subject: Subject) -> Iterator[Fact]:
    for name in COST_COLUMNS:
        label, form, unit = COST_LABELS[name]
        yield label, number(subject.trial.get(name), form, unit)


def _files(folder: Path | None, subject: Subject, settings: Mapping[str, Any]) -> Iterator[Fact]:
    if folder is None:
        yield "the search's folder", "was not at hand: digests " + NOT_RECORDED
        return
    weights = f"trials/{subject.trial_id}/best.pt"
    wanted = (
        weights,
        subject.configuration_file,
        "settings.json",
        "results.parquet",
        "finalists.json",
    )
    for name in wanted:
        path = folder / name
        if path.is_file():
            yield name, _sha256(path)
        elif name == weights:
            storage = without_password(str(settings.get("storage") or NOT_RECORDED))
            yield name, f"not in the search's folder (its storage: {storage}): digest {NOT_RECORDED}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _test_pixels(subject: Subject) -> "np.ndarray[Any, np.dtype[np.int64]] | None":
    """Pixels of each class in each group of the test part, (G, C); None where it was not evaluated there."""
    if subject.finalist is None:
        return None
    pixels: np.ndarray[Any, np.dtype[np.int64]] = subject.finalist.evaluations[0].confusion.sum(axis=-1)
    return pixels
