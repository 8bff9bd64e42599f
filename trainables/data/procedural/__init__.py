"""Aerial plantation scenes drawn from a seed: a data set that needs no file.

`scene_plan` says what a photo holds, `layout` where it stands (and so the mask), `painting` and `camera` how
it looks; `procedural_dataset` serves the photos as a `Dataset`.
"""

from trainables.data.procedural.procedural_dataset import CLASSES, ProceduralDataset

__all__ = ["CLASSES", "ProceduralDataset"]
