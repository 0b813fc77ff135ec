"""Theorem I in exact fractions, split by split, slow and straight from its page: what the fast code
is compared with.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

from topcert.theory.attacker import DELETE, INSERT, REWRITE, Attacker

Split = tuple[int, int, int]  # insertions, deletions, rewritten features


def splits(r: int, attacker: Attacker) -> Iterator[Split]:
    """Every way to make up to r moves."""
    for inserted in range(r + 1 if attacker.may(INSERT) else 1):
        for deleted in range(r - inserted + 1 if attacker.may(DELETE) else 1):
            for rewritten in range(r - inserted - deleted + 1 if attacker.may(REWRITE) else 1):
                yield inserted, deleted, rewritten


def masks_of(split: Split, num_features: int, num_kept: int) -> tuple[int, int, int]:
    """N, N' and M; N' is 0 where the changed input has too few features for a mask."""
    inserted, deleted, rewritten = split
    old = max(0, num_features - deleted - rewritten)
    return (
        math.comb(num_features, num_kept),
        math.comb(max(0, num_features + inserted - deleted), num_kept),
        math.comb(old, num_kept),
    )


def label_holds(
    own: Fraction | int,
    rivals: Sequence[Fraction | int],
    masks: tuple[int, int, int],
    *,
    classes: int,
    named: int,
) -> bool:
    """Theorem I at one split, of a label named `own` times and its k strongest rivals, ascending,
    in counts of masks.
    """
    before, after, common = masks
    gone, new, k = before - common, after - common, len(rivals)
    if not common:
        return False
    if k >= named and (k + 1) * (own - gone) > named * after:
        return True
    for t in range(1, k + 1):
        kept = sum(rivals[:t]) - max(0, named - classes + t) * gone
        if t * (own - gone) > kept + min(t, named) * new:
            return True
    return False


def oracle_edit_radius(
    counts: Sequence[Fraction | int],
    uppers: Sequence[Fraction | int],
    label: int,
    *,
    k: int,
    num_features: int,
    num_kept: int,
    attacker: Attacker,
    num_named: int = 1,
    most: int = 10**6,
) -> int:
    """The largest r, at most `most`, up to which Theorem I holds at every split; bounds in counts
    of masks.
    """
    rivals = sorted(value for j, value in enumerate(uppers) if j != label)[-k:]
    for r in range(most + 1):
        for split in splits(r, attacker):
            masks = masks_of(split, num_features, num_kept)
            if not label_holds(counts[label], rivals, masks, classes=len(uppers), named=num_named):
                return r - 1
    return most


def stays_hold(
    lowers: Sequence[Fraction | int],
    uppers: Sequence[Fraction | int],
    chosen: Sequence[int],
    masks: tuple[int, int, int],
    *,
    m: int,
    k: int,
    named: int,
) -> bool:
    """Theorem S at one split: whether m of the `chosen` labels stay among the top k."""
    before, after, common = masks
    classes = len(uppers)
    gone, new = before - common, after - common
    out, inside = len(chosen) - m + 1, k - m + 1
    others = sorted((uppers[j] for j in range(classes) if j not in chosen), reverse=True)
    if not common or out < 1:
        return False
    if len(others) < inside:
        return True
    mine = sorted(lowers[j] for j in chosen)[:out][::-1]
    rivals = others[:inside][::-1]
    for u in range(1, out + 1):
        left = sum(mine[:u]) - min(u, named) * gone
        if (k + u) * left > u * (named * common + min(k, named) * new):
            return True
        for t in range(1, inside + 1):
            kept = sum(rivals[:t]) - max(0, named - classes + t) * gone
            if t * left > u * (kept + min(t, named) * new):
                return True
    return False
