"""Theorem 1 with ballots (docs/theory/theorem-h.md): against every attack in ever larger spaces,
and for 1,000 classes.

python benchmarks/ballots.py search --seconds 300
python benchmarks/ballots.py classes --inputs 200

A space of `search` is N masks that keep one of N features each, so that r changed features void r
masks, and c classes, of which each mask names w. For all bounds in whole namings that ballots can
meet, every k and every r the best attack is looked for among all counts of clean ballots, of what
common masks keep of them, and of the attacker's ballots. Printed are how many cases there are, how
many the code certifies, how many of these an attack breaks (none may), how many it leaves out that
no attack breaks, and how many (8), the exact condition, gets wrong in either way (none may).

`classes` has votes of a made-up network on images of 224 x 224 pixels, e = 1,000: under each mask
it ranks the classes by a score of the image, plus noise of its own (Gumbel, so that first places
are softmax). The scores of the others fall with the logarithm of their rank; how far the true label
lies above them differs from image to image.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from topcert.theory.certified_radius import certified_radius
from topcert.theory.confidence import simultaneous_bounds
from topcert.theory.intersection import intersection_union_bounds

Ints = NDArray[np.int64]
Truths = NDArray[np.bool_]
MOST_CELLS = 4 * 10**6  # bounds of one space
MOST_PAIRS = 2 * 10**8  # of what common masks keep and what an attacker gives


def namings(ballots: int, classes: int, named: int) -> Ints:
    """All counts of so many ballots, `(ways, classes)`."""
    if classes == 1:
        return np.array([[ballots * named]] if named <= 1 else np.empty((0, 1)), np.int64)
    ways = np.indices((ballots + 1,) * (classes - 1)).reshape(classes - 1, -1).T
    last = ballots * named - ways.sum(axis=1)
    fits = (last >= 0) & (last <= ballots)
    return np.concatenate([ways[fits], last[fits, None]], axis=1)


def level_rivals(total: int, voided: int, classes: int, named: int) -> tuple[Ints, Ints]:
    """All counts of clean ballots, and for each the most rivals that an attacker can put level with
    label 0.
    """
    clean, gifts = namings(total, classes, named), namings(voided, classes, named)
    out = np.full(len(clean), -1)
    for kept in namings(total - voided, classes, named):
        votes_after = kept + gifts
        best = int((votes_after[:, 1:] >= votes_after[:, :1]).sum(axis=1).max())
        possible = ((kept <= clean) & (clean - kept <= voided)).all(axis=1)
        out[possible] = np.maximum(out[possible], best)
    return clean, out


def broken(total: int, voided: int, classes: int, named: int) -> list[Truths]:
    """For each k from 1: which bounds an attack breaks, by own count and limits, `(total + 1,) *
    classes`.
    """
    clean, level = level_rivals(total, voided, classes, named)
    found = []
    for k in range(1, classes):
        out = np.zeros((total + 1,) * classes, np.bool_)
        out[tuple(clean[level >= k].T)] = True
        out = np.flip(np.logical_or.accumulate(np.flip(out, 0), axis=0), 0)
        for axis in range(1, classes):
            out = np.logical_or.accumulate(out, axis=axis)
        found.append(out)
    return found


def exact(own: Ints, limits: Ints, *, total: int, voided: int, k: int, named: int) -> Truths:
    """Whether (8) or the condition beside it holds; `limits` `(cases, classes - 1)` ascending."""
    left, room = own - voided, np.minimum(limits, voided)
    out = np.asarray((k >= named) & ((k + 1) * left > named * total))
    first = limits.shape[1] - k
    for t in range(1, k + 1):
        mine = slice(first, first + t)
        rest = room.sum(axis=1) - room[:, mine].sum(axis=1)
        must = np.maximum(0, (named - 1) * voided - rest)
        out |= t * left > limits[:, mine].sum(axis=1) - must + min(t, named) * voided
    return out


def search(total: int, classes: int, named: int) -> Ints:
    """Of one space: cases, certified, broken ones among these, left out though unbroken, and (8)
    wrong.
    """
    grid = np.indices((total + 1,) * classes).reshape(classes, -1).T
    grid = grid[grid.sum(axis=1) >= named * total]
    lower, upper = np.zeros_like(grid), np.full_like(grid, total)
    lower[:, 0], upper[:, 1:] = grid[:, 0], grid[:, 1:]
    space = {"num_features": total, "num_kept": 1, "num_named": named}
    radii = certified_radius(
        lower, upper, np.zeros(len(grid), np.int64), k=range(1, classes), **space
    )
    limits = np.sort(grid[:, 1:], axis=1)
    found = np.zeros(5, np.int64)
    for r in range(total + 1):
        for k, breaks in enumerate(broken(total, r, classes, named), start=1):
            falls, holds = breaks[tuple(grid.T)], radii[:, k - 1] >= r
            proven = exact(grid[:, 0], limits, total=total, voided=r, k=k, named=named)
            wrong = (proven == falls).sum()
            found += [len(grid), holds.sum(), (holds & falls).sum(), (~holds & ~falls).sum(), wrong]
    return found


def spaces() -> list[tuple[int, int, int]]:
    """(N, c, w), the quick ones first."""
    found = []
    for total, classes in itertools.product(range(1, 13), range(3, 8)):
        cells = (total + 1) ** classes
        half = math.comb(total // 2 + classes - 1, classes - 1)
        if cells <= MOST_CELLS and half**2 <= MOST_PAIRS:
            found += [(cells * half, total, classes, named) for named in range(1, classes)]
    return [(total, classes, named) for _, total, classes, named in sorted(found)]


def made_up_ballots(inputs: int, samples: int, classes: int, depth: int) -> Iterator[Ints]:
    """Ballots `(samples, depth)` of each image in turn, whose true label is 0."""
    generator = np.random.default_rng(2022)
    for _ in range(inputs):
        scores = -1.5 * np.log(np.arange(1, classes + 1)) + 0.3 * generator.normal(size=classes)
        scores[0] = generator.normal(2.0, 3.0)
        noisy = scores + generator.gumbel(size=(samples, classes))
        near = np.argpartition(-noisy, depth, axis=1)[:, :depth]
        order = np.argsort(-np.take_along_axis(noisy, near, axis=1), axis=1)
        yield np.take_along_axis(near, order, axis=1)


def many_classes(inputs: int, samples: int, *, classes: int = 1000, depth: int = 10) -> None:
    """Print certified top-k accuracy at some radii for several w, SimuEM and intersection-union at
    alpha = 0.001.
    """
    counts = {named: np.zeros((inputs, classes), np.int64) for named in (1, 2, 3, 5, 10)}
    first = np.zeros(depth)
    for row, ballots in enumerate(made_up_ballots(inputs, samples, classes, depth)):
        first += (ballots == 0).mean(axis=0)
        for named, table in counts.items():
            table[row] = np.bincount(ballots[:, :named].ravel(), minlength=classes)
    shares = (first.cumsum() / inputs).round(3).tolist()
    print(f"single passes: the true label is among the best 1, 2, .. {depth} for {shares}")
    radii = (0, 1, 3, 5, 10, 15, 20, 30)
    print(
        "| k | w | bounds | "
        + " | ".join(f"r = {r}" for r in radii)
        + " |\n|"
        + "---|" * (3 + len(radii))
    )
    labels = np.zeros(inputs, np.int64)
    for k, (named, table) in itertools.product((1, 5, 10), counts.items()):
        both = {
            "SimuEM": simultaneous_bounds(table, alpha=0.001, labels=labels, num_named=named),
            "intersection-union": intersection_union_bounds(
                table, alpha=0.001, k=k, labels=labels, num_named=named
            ),
        }
        for name, (lower, upper) in both.items():
            found = certified_radius(
                lower, upper, labels, k=k, num_features=50176, num_kept=1000, num_named=named
            )
            cells = " | ".join(f"{(found >= r).sum() / inputs:.3f}" for r in radii)
            print(f"| {k} | {named} | {name} | {cells} |", flush=True)


def print_search(seconds: float) -> None:
    began, whole = time.monotonic(), np.zeros(5, np.int64)
    print(
        "| N | c | w | cases | certified | broken | left out | (8) wrong"
        " |\n|---|---|---|---|---|---|---|---|"
    )
    for total, classes, named in spaces():
        if time.monotonic() - began > seconds:
            break
        found = search(total, classes, named)
        whole += found
        print(
            f"| {total} | {classes} | {named} |"
            f" {' | '.join(f'{number:,}' for number in found.tolist())} |",
            flush=True,
        )
    print(f"| all | | | {' | '.join(f'{number:,}' for number in whole.tolist())} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("search", "classes"))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--inputs", type=int, default=200)
    parser.add_argument("--samples", type=int, default=1000)
    args = parser.parse_args()
    if args.what == "search":
        print_search(args.seconds)
    else:
        many_classes(args.inputs, args.samples)


if __name__ == "__main__":
    main()
