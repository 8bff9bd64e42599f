"""Where the encoders of a search start: their initial weights, as the options say and as a resumed search has them."""

import argparse
from collections.abc import Sequence
from typing import Any

from search.settings import SearchSettings
from spaces.errors import InputError
from spaces.space import Space
from trainables.models.encoder_fingerprint import encoder_fingerprints
from trainables.models.encoder_weights import EncoderWeights, load_encoder_states, parse_encoder_weights


def encoder_starts(
    options: argparse.Namespace, spaces: Sequence[Space]
) -> tuple[EncoderWeights, bool, dict[str, dict[str, Any]]]:
    """Load the initial weights of the encoders that spaces search.

    Args:
        options: The command line's options.
        spaces: The spaces.

    Returns:
        What was asked for, whether all encoders start alike, and the weights by encoder.

    Raises:
        InputError: If weights can't be had, or some encoders start at random without being allowed to.
    """
    choice = parse_encoder_weights(options.encoder_weights or ("imagenet" if options.data else "none"))
    encoders = list(dict.fromkeys(str(encoder) for space in spaces for encoder in space.values_of("encoder")))
    given = [encoder for encoder in encoders if encoder in dict(choice.files)]
    unequal = choice.source == "files" and len(given) < len(encoders)
    if unequal and given and not options.allow_unequal_starts:
        missing = next(encoder for encoder in encoders if encoder not in given)
        raise InputError(
            f"--encoder-weights {choice.describe()}: no file for {missing!r}; add {missing}=PATH, or start it at "
            "random with --allow-unequal-starts (then there is no verdict)"
        )
    states = load_encoder_states(choice, given if unequal and given else encoders)
    return choice, not unequal, states


def encoder_states_again(settings: SearchSettings) -> dict[str, dict[str, Any]]:
    """Load the initial weights of a search that goes on.

    Raises:
        InputError: If they can't be had, or are others than at its start.
    """
    choice = parse_encoder_weights(settings.encoder_weights)
    states = load_encoder_states(choice, sorted(settings.encoder_hashes)) if settings.encoder_hashes else {}
    if encoder_fingerprints(states) != settings.encoder_hashes:
        raise InputError(f"--encoder-weights {settings.encoder_weights}: not the weights that the search began with")
    return states
