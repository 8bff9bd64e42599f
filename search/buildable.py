"""Whether the networks of a space can be built, asked before anything starts."""

from spaces.drawing import RandomSource
from spaces.errors import InputError
from spaces.space import POINTS_TRIED, Space


def check_networks(space: Space, classes: int) -> None:
    """Build every architecture with every encoder that trials may have together.

    Args:
        space: The space, at its final sizes; many random points of it say what goes together under its conditions.
        classes: Number of classes.

    Raises:
        InputError: An encoder does not exist, or an architecture can't use it; with file and line where known.
    """
    from trainables.models import create_model

    source = RandomSource(seed=0)
    points = [space.baseline, *(space.sample(source) for _ in range(POINTS_TRIED))]
    for architecture, encoder in dict.fromkeys((point.architecture, point.encoder) for point in points):
        network = space.baseline.model_copy(update={"architecture": architecture, "encoder": encoder})
        try:
            create_model(network, classes=classes)
        except InputError as error:
            place = space.place_of("encoder", encoder)
            raise InputError(f"{place}: {str(error).removeprefix('encoder: ')}") from None
