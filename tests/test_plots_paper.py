"""Pictures on dark paper."""

from __future__ import annotations

import pytest

from benchctl.config.picture import PALETTES
from benchctl.plots.paper import PAPERS, contrast
from benchctl.plots.style import colours


def test_contrast_is_that_of_the_accessibility_guidelines() -> None:
    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
    assert contrast((0.4667,) * 3, (1, 1, 1)) == pytest.approx(4.48, abs=0.01)  # #777777, a known near miss of 4.5


@pytest.mark.parametrize("palette", PALETTES)
def test_every_palette_stands_out_on_dark_paper(palette: str) -> None:
    dark = PAPERS["dark"]
    assert min(contrast(dark.readable(colour), [dark.paper] * 3) for colour in colours(palette, 12)) >= 4.5
    assert dark.readable((0.8, 0.9, 0.9)) == (0.8, 0.9, 0.9)


def test_texts_stand_out_on_both_papers() -> None:
    for paper in PAPERS.values():
        assert contrast([float(paper.grey(0.4))] * 3, [paper.paper] * 3) >= 4.5


def test_white_paper_leaves_greys_and_colours_as_they_are() -> None:
    assert [PAPERS["light"].grey(level) for level in (0.0, 0.35, 1.0)] == ["0", "0.35", "1"]
    assert PAPERS["light"].readable((0.9, 0.9, 0.2)) == (0.9, 0.9, 0.2)
