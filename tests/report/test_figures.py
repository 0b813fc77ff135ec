"""Figures are drawn whole, in both forms, and the same twice."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.lines import Line2D
from PIL import Image

from topcert.evaluation.accuracy import AccuracyCurve
from topcert.report.figures import Panel, draw_curves, draw_gallery, draw_panels


def test_curves_are_png_and_svg_and_the_same_twice(tmp_path: Path) -> None:
    curves = [
        AccuracyCurve(
            k=k, quantity="certified top-k accuracy", certified=np.array([9, 5, k, 0]), total=10
        )
        for k in (1, 3)
    ]
    paths = draw_curves(curves, unit="pixel", title="t", stem=tmp_path / "a")
    again = draw_curves(curves, unit="pixel", title="t", stem=tmp_path / "b")
    assert [path.suffix for path in paths] == [".png", ".svg"]
    for one, other in zip(paths, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
    with Image.open(paths[0]) as image:
        assert image.size == (960, 600)
        assert len(np.unique(np.asarray(image.convert("L")))) > 20  # not a blank sheet
    svg = paths[1].read_text()
    assert "radius" in svg or "<path" in svg


@pytest.mark.parametrize("panels", [False, True])
def test_curves_fall_at_whole_radii(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, panels: bool
) -> None:
    curve = AccuracyCurve(
        k=1, quantity="certified top-k accuracy", certified=np.array([9, 5, 2, 0]), total=10
    )
    lines: list[Line2D] = []
    monkeypatch.setattr(
        "topcert.report.figures._save",
        lambda figure, *_, **__: lines.extend(figure.axes[0].lines) or [],
    )
    if panels:
        draw_panels(
            [Panel(title="t", lines=[("a", curve)])], unit="pixel", title="t", stem=tmp_path / "a"
        )
    else:
        draw_curves([curve], unit="pixel", title="t", stem=tmp_path / "a")
    places = lines[0].get_path().vertices
    fallen = [float(x) for (x, before), (_, after) in pairwise(places) if after < before]
    assert fallen == [0.0, 1.0, 2.0], "a share falls where the radius of an input ends"
    drawn = {round(float(x), 1): float(y) for x, y in places}
    # the foot of each step; the share at r ends at r
    assert [drawn[r] for r in (1.0, 2.0, 3.0)] == [0.2, 0.0, 0.0]


def test_gallery_holds_grey_and_colour_inputs(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for channels in (1, 3):
        paths = draw_gallery(
            generator.random((2, 8, 8, channels)),
            generator.random((2, 3, 8, 8)) < 0.3,
            np.array([[10, 0, 5], [0, 0, 7]]),
            np.array([0, 2]),
            [{1: 0, 3: -1}, {1: 1, 3: 12}],
            class_names=("cat", "dog", "aeroplane"),
            unit="pixel",
            stem=tmp_path / f"gallery{channels}",
        )
        assert all(path.stat().st_size > 10_000 for path in paths)
