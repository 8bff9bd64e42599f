import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.trainables.small_trial import SmallDataset
from trainables.data.validation_cells import Cell, grid_cells, spread_cells


@given(height=st.integers(1, 60), width=st.integers(1, 60), rows=st.integers(1, 7), columns=st.integers(1, 7))
def test_a_grid_covers_every_pixel_once(height: int, width: int, rows: int, columns: int) -> None:
    covered = np.zeros((height, width), int)
    for cell in grid_cells(height, width, rows, columns):
        covered[cell.top : cell.bottom, cell.left : cell.right] += 1
    assert (covered == 1).all()


def test_intersection() -> None:
    assert Cell(0, 4, 0, 4).intersection(Cell(2, 6, 1, 3)) == Cell(2, 4, 1, 3)
    assert Cell(0, 4, 0, 4).intersection(Cell(4, 6, 1, 3)) is None


def test_cells_are_spread_over_all_images_and_repeatable() -> None:
    records = SmallDataset(labelled=20).records
    cells = spread_cells(records, 16, 40)
    assert sum(len(some) for some in cells.values()) == 40
    assert len(cells) > 15
    assert cells == spread_cells(tuple(reversed(records)), 16, 40)
    columns = {cell.left for some in cells.values() for cell in some}
    assert columns == {0, 16, 32, 48}


def test_all_cells_where_there_are_no_more_than_wanted() -> None:
    records = SmallDataset().records[:1]
    assert spread_cells(records, 32, 100)[records[0].name] == grid_cells(40, 48, 2, 2)
