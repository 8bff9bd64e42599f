"""Which photos keep their labels, and what tells trainings apart."""

from argparse import Namespace
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.few_labels import FewLabelsRun, add_few_labels_options, few_labels, run_key, with_few_labels
from benchmarks.reporting import benchmark_parser
from spaces.errors import InputError
from spaces.loading import load_space
from trainables.data.opening import DataSource
from trainables.data.split import split_dataset


def test_few_labels_hold_all_classes_and_move_nothing_but_labels() -> None:
    dataset = DataSource().open()
    split = split_dataset(dataset, by="auto", seed=0)
    few, photos = with_few_labels(dataset, split, 3)
    assert len(photos) == 3
    assert {record.photo for record in dataset.records.take(few.train)} == set(photos)
    assert (dataset.class_count_table(few.train).sum(axis=0) > 0).all()
    assert np.array_equal(
        np.sort(np.concatenate((few.train, few.unlabelled))), np.sort(np.concatenate((split.train, split.unlabelled)))
    )
    assert few.validation is split.validation
    assert few.test is split.test
    assert with_few_labels(dataset, split, 3)[1] == photos


def test_some_photos_must_stay_unlabelled() -> None:
    dataset = DataSource().open()
    split = split_dataset(dataset, by="auto", seed=0)
    with pytest.raises(InputError, match="--labelled-photos 1000"):
        with_few_labels(dataset, split, 1000)


def parsed(*words: str) -> Namespace:
    parser = benchmark_parser("example", "An example.")
    add_few_labels_options(parser, labelled_photos=3, steps=4)
    return parser.parse_args(words)


def test_the_options_say_how_few_and_the_built_in_data_start_from_nothing() -> None:
    data = few_labels(parsed())
    assert len(data.photos) == 3
    assert data.weights.describe() == "none"
    assert few_labels(parsed("--labelled-photos", "2")).circumstances() != data.circumstances()


def test_a_key_tells_trainings_apart_and_not_the_order_of_what_is_said() -> None:
    config = load_space("unet").baseline
    key = run_key(config, {"seed": 1, "steps": 4})
    assert run_key(config, {"steps": 4, "seed": 1}) == key
    assert run_key(config, {"seed": 2, "steps": 4}) != key
    assert run_key(config.model_copy(update={"momentum": 0.5}), {"seed": 1, "steps": 4}) != key


def test_a_run_is_trained_as_it_says_from_the_weights_of_its_seed() -> None:
    data = few_labels(parsed())
    config = load_space("unet").fix({"crop_size": 32, "batch_size": 2}).baseline
    run = FewLabelsRun(
        config=config,
        seed=7,
        steps=4,
        eval_every=2,
        source=data.source,
        split=data.split,
        encoder_weights="none",
        key="",
    )
    trainer = run.trainer()
    assert (trainer.config, trainer.schedule.max_steps, trainer.schedule.eval_every) == (config, 4, 2)
    one, another = (found.model.state_dict() for found in (trainer, replace(run, seed=8).trainer()))
    assert any(not torch.equal(one[name], another[name]) for name in one)
