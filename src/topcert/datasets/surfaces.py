"""A generated set of surfaces: point clouds to train on, to test with and to show, where there is
no ModelNet40.

An input is 2,048 points of one of 20 kinds of surface, stretched along its own axes, turned at
random and made noisy, then centred and scaled into the unit sphere, as ModelNet40 is. How much it
is stretched, and how noisy it is, differs from input to input; many kinds are near relatives (a
tube and a cylinder, a cone and a pyramid), so that few points leave doubt.

Input `i` of a split is a pure function of `(split, i)`: our own arithmetic on raw Philox words.
Coordinates are rounded to multiples of 2^-16, so that the last bits of a sine, which differ between
machines, do not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from topcert.randomization.words import draw_words

Split = Literal["train", "test"]
NUM_POINTS: Final = 2048
SPLIT_SIZES: Final[dict[Split, int]] = {"train": 8000, "test": 500}
STRETCH: Final = (0.6, 1.0)  # each axis of a surface is scaled by a factor from here
# an input's standard deviation of points around the surface, which is about 1 large
NOISE: Final = (0.0, 0.06)
GRID: Final = 2.0**-16

# Domains of the words; a certificate's masks come from another.
_DOMAINS: Final[dict[Split, int]] = {
    "train": int.from_bytes(b"surftrn1", "big"),
    "test": int.from_bytes(b"surftst1", "big"),
}
# uniform numbers beside those of the points: 3 of the stretch, 3 of the turn, 1 of the noise
_PER_INPUT: Final = 8
_PER_POINT: Final = 6  # 3 of its place on the surface, 3 of its noise
_CHUNK: Final = 64  # inputs made at a time: a chunk stays in the cache

Floats = NDArray[np.float64]
# from uniform u, v, w of one shape to points `(*shape, 3)`
Surface = Callable[[Floats, Floats, Floats], Floats]


def load_surfaces(split: Split) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """A whole split: points float32 `(inputs, 2048, 3)`, at most 1 + 2^-16 from the origin, and
    labels int64 `(inputs,)`.
    """
    size = SPLIT_SIZES[split]
    points = np.empty((size, NUM_POINTS, 3), np.float32)
    for start in range(0, size, _CHUNK):
        points[start : start + _CHUNK] = make_surfaces(split, start, min(start + _CHUNK, size))
    return points, label_surfaces(split)


def label_surfaces(split: Split) -> NDArray[np.int64]:
    """Labels int64 `(inputs,)`: the classes in turn, so that each is equally frequent."""
    return np.arange(SPLIT_SIZES[split]) % len(CLASS_NAMES)


def make_surfaces(split: Split, start: int, stop: int) -> NDArray[np.float32]:
    """Inputs `start .. stop - 1` of a split, float32 `(stop - start, 2048, 3)`; there is no end to
    either split.
    """
    uniforms = _uniforms(split, start, stop)
    places = uniforms[:, _PER_INPUT:].reshape(-1, _PER_POINT, NUM_POINTS)
    points = np.empty((stop - start, NUM_POINTS, 3))
    for label, surface in enumerate(SURFACES.values()):
        rows = np.arange((label - start) % len(SURFACES), stop - start, len(SURFACES))
        points[rows] = surface(places[rows, 0], places[rows, 1], places[rows, 2])
    stretch = STRETCH[0] + (STRETCH[1] - STRETCH[0]) * uniforms[:, None, 0:3]
    points = (points * stretch) @ _turns(uniforms[:, 3:6]).transpose(0, 2, 1)
    noise = NOISE[0] + (NOISE[1] - NOISE[0]) * uniforms[:, 6, None, None]
    points += noise * ndtri(places[:, 3:].transpose(0, 2, 1))
    points -= points.mean(axis=1, keepdims=True)
    points /= np.sqrt((points**2).sum(axis=2).max(axis=1))[:, None, None]
    return np.asarray(np.rint(points / GRID) * GRID, np.float32)


def _uniforms(split: Split, start: int, stop: int) -> Floats:
    """Numbers strictly between 0 and 1 with 32 bits each, `(stop - start, numbers of an input)`."""
    width = (_PER_INPUT + _PER_POINT * NUM_POINTS) // 2
    words = draw_words(seed=0, start=start, stop=stop, width=width, domain=_DOMAINS[split])
    halves = np.stack([words & np.uint64(0xFFFFFFFF), words >> np.uint64(32)], axis=-1).reshape(
        len(words), 2 * width
    )
    return (halves.astype(np.float64) + 0.5) * 2.0**-32


def _turns(uniforms: Floats) -> Floats:
    """Uniformly random rotations `(inputs, 3, 3)` from three uniform numbers each, by Shoemake's
    (1992) quaternions.
    """
    share, first, second = uniforms.T[0], 2 * np.pi * uniforms.T[1], 2 * np.pi * uniforms.T[2]
    x, y = np.sqrt(1 - share) * np.sin(first), np.sqrt(1 - share) * np.cos(first)
    return rotations(np.sqrt(share) * np.cos(second), x, y, np.sqrt(share) * np.sin(second))


def rotations(w: Floats, x: Floats, y: Floats, z: Floats) -> Floats:
    """The rotations `(inputs, 3, 3)` of unit quaternions w + xi + yj + zk, each part
    `(inputs,)`.
    """
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _around(radius: Floats, height: Floats, turn: Floats) -> Floats:
    """Points of a surface of revolution: at `radius` from the z axis, at `height`, `turn` in 0 .. 1
    around it.
    """
    return np.stack(
        [radius * np.cos(2 * np.pi * turn), radius * np.sin(2 * np.pi * turn), height], axis=-1
    )


def _sphere(u: Floats, v: Floats, _: Floats) -> Floats:
    height = 2 * u - 1
    return _around(np.sqrt(1 - height**2), height, v)


def _bowl(u: Floats, v: Floats, _: Floats) -> Floats:
    """Half a sphere, open."""
    return _around(np.sqrt(1 - u**2), u, v)


def _dome(u: Floats, v: Floats, w: Floats) -> Floats:
    """Half a sphere, closed by a disc; twice as much area is round as flat."""
    return np.where((w < 2 / 3)[..., None], _bowl(u, v, w), _disc(u, v, w))


def _disc(u: Floats, v: Floats, _: Floats) -> Floats:
    return _around(np.sqrt(u), np.zeros_like(u), v)


def _tube(u: Floats, v: Floats, _: Floats) -> Floats:
    return _around(np.ones_like(u), 2 * u - 1, v)


def _cylinder(u: Floats, v: Floats, w: Floats) -> Floats:
    """A tube and its two lids, of a sixth of the area each."""
    lids = _around(np.sqrt(u), np.where(w < 5 / 6, -1.0, 1.0), v)
    return np.where((w < 2 / 3)[..., None], _tube(u, v, w), lids)


def _capsule(u: Floats, v: Floats, w: Floats) -> Floats:
    """A tube of radius 1/2 and length 1 between two half spheres: half of the area each."""
    round_ = _sphere(u, v, w) / 2
    round_[..., 2] += np.where(round_[..., 2] < 0, -0.5, 0.5)
    return np.where((w < 0.5)[..., None], _tube(u, v, w) / 2, round_)


def _funnel(u: Floats, v: Floats, _: Floats) -> Floats:
    """A cone without its base."""
    radius = np.sqrt(u)
    return _around(radius, 1 - 2 * radius, v)


def _cone(u: Floats, v: Floats, w: Floats) -> Floats:
    """The side has sqrt(5) times the area of the base."""
    radius = np.sqrt(u)
    side = w < np.sqrt(5) / (1 + np.sqrt(5))
    return _around(radius, np.where(side, 1 - 2 * radius, -1.0), v)


def _spindle(u: Floats, v: Floats, w: Floats) -> Floats:
    """Two cones, base to base."""
    radius = np.sqrt(u)
    return _around(radius, np.where(w < 0.5, -1.0, 1.0) * (1 - radius), v)


def _hourglass(u: Floats, v: Floats, w: Floats) -> Floats:
    """Two cones, tip to tip."""
    radius = np.sqrt(u)
    return _around(radius, np.where(w < 0.5, -1.0, 1.0) * radius, v)


def _torus(u: Floats, v: Floats, _: Floats) -> Floats:
    """Radii 1 and 2/5; the outer half has the more area, so the angle is solved for (Newton, to the
    last bit).
    """
    turned = 2 * np.pi * u
    angle = turned.copy()
    for _step in range(6):
        angle -= (angle + 0.4 * np.sin(angle) - turned) / (1 + 0.4 * np.cos(angle))
    return _around(1 + 0.4 * np.cos(angle), 0.4 * np.sin(angle), v)


def _dumbbell(u: Floats, v: Floats, w: Floats) -> Floats:
    """Two spheres, apart."""
    ball = _sphere(u, v, w) / 2
    ball[..., 2] += np.where(w < 0.5, -0.8, 0.8)
    return ball


def _saddle(u: Floats, v: Floats, _: Floats) -> Floats:
    """Uniform in its shadow, not in area."""
    x, y = 2 * u - 1, 2 * v - 1
    return np.stack([x, y, (x**2 - y**2) / 1.2], axis=-1)


def _moebius(u: Floats, v: Floats, _: Floats) -> Floats:
    """A Moebius band of width 0.8, uniform in its two parameters, not in area."""
    across = 0.8 * (v - 0.5)
    return _around(1 + across * np.cos(np.pi * u), across * np.sin(np.pi * u), u)


def _spring(u: Floats, v: Floats, _: Floats) -> Floats:
    """A wire wound around the axis two and a half times."""
    return _around(
        0.8 + 0.1 * np.cos(2 * np.pi * v), 2 * u - 1 + 0.1 * np.sin(2 * np.pi * v), 2.5 * u
    )


def _flat(
    corners: list[tuple[float, float, float]], triangles: list[tuple[int, int, int]]
) -> Surface:
    """The surface of triangles between corners, uniform in area."""
    first, second, third = np.array(corners, np.float64)[np.array(triangles)].transpose(1, 0, 2)
    areas = np.linalg.norm(np.cross(second - first, third - first), axis=1)
    ends = np.cumsum(areas)[:-1] / areas.sum()

    def surface(u: Floats, v: Floats, w: Floats) -> Floats:
        chosen = np.searchsorted(ends, w)
        far, across = np.sqrt(u)[..., None], v[..., None]
        points: Floats = first[chosen] * (1 - far) + far * (
            (1 - across) * second[chosen] + across * third[chosen]
        )
        return points

    return surface


_CUBE: Final = [(x, y, z) for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)]
_SIDES: Final = [(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)]
_SQUARE: Final = [(-1.0, -1.0, -0.8), (1.0, -1.0, -0.8), (1.0, 1.0, -0.8), (-1.0, 1.0, -0.8)]
# an equilateral triangle
_TOPS: Final = [(1.0, 0.0), (-0.5, np.sqrt(0.75)), (-0.5, -np.sqrt(0.75))]


def _halved(quadrangles: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int]]:
    return [triangle for a, b, c, d in quadrangles for triangle in ((a, b, c), (a, c, d))]


SURFACES: Final[dict[str, Surface]] = {
    "ellipsoid": _sphere,
    "bowl": _bowl,
    "dome": _dome,
    "disc": _disc,
    "tube": _tube,
    "cylinder": _cylinder,
    "capsule": _capsule,
    "funnel": _funnel,
    "cone": _cone,
    "spindle": _spindle,
    "hourglass": _hourglass,
    "torus": _torus,
    "dumbbell": _dumbbell,
    "saddle": _saddle,
    "moebius band": _moebius,
    "spring": _spring,
    "box": _flat(_CUBE, _halved(_SIDES)),
    "pyramid": _flat(
        [*_SQUARE, (0.0, 0.0, 1.0)],
        [(0, 1, 2), (0, 2, 3), (0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)],
    ),
    "tetrahedron": _flat(
        [_CUBE[0], _CUBE[3], _CUBE[5], _CUBE[6]], [(0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)]
    ),
    "prism": _flat(
        [(x, y, z) for z in (-1.0, 1.0) for x, y in _TOPS],
        [(0, 1, 2), (3, 4, 5), *_halved([(0, 1, 4, 3), (1, 2, 5, 4), (2, 0, 3, 5)])],
    ),
}
CLASS_NAMES: Final = tuple(SURFACES)
