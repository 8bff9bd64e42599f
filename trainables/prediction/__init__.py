"""Masks for photos of any size: what `python -m trainables.predict` consists of.

`photo_files` finds the photos, `photo` and `geotiff` open them, `networks` loads what predicts, `run` lets windows pass
and `masks` writes their rows behind them; `records` remembers what is complete, `class_areas` counts it.
"""
