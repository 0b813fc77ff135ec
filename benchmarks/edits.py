"""Theorems I and S (docs/theory/theorem-i.md, theorem-s.md): against every edit in small spaces.

python benchmarks/edits.py search --seconds 300
python benchmarks/edits.py counts --seconds 300

`search` makes inputs at random: sequences or sets of up to seven elements, most of them with
repeated ones, and a base classifier that gives a ballot to each tuple of e kept elements. Then it
goes through every input within so many insertions, deletions and substitutions, old elements and
two new ones; what the classifier says of tuples that the input does not have is chosen anew for
each, greedily, to break what was claimed. Columns: claims (a label and k, or a set, m and k; at a
distance), those that are certified, certified ones that an attack breaks (none may), and those not
certified that no attack broke: the theorems know counts, not which masks voted for what.

`counts` has e = 1, so that counts are all there is: every count of ballots of d masks, whatever m
of them are lost and new ones are gained. There "left out" says how often a theorem is not tight.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from topcert.theory.attacker import DELETE, INSERT, MOVES, REWRITE, Attacker
from topcert.theory.edit_radius import edit_radius
from topcert.theory.stay_radius import stay_radius

Ints = NDArray[np.int64]
Input = tuple[int, ...]
FRESH = (100, 101)  # elements that no input has
ATTACKERS = tuple(
    Attacker(moves=moves) for size in (1, 2, 3) for moves in itertools.combinations(MOVES, size)
)


def edited(x: Input, moves: tuple[str, ...], alphabet: Input, *, ordered: bool) -> Iterator[Input]:
    """Every input one move away."""
    for place in range(len(x) + 1):
        if DELETE in moves and place < len(x):
            yield x[:place] + x[place + 1 :]
        for element in alphabet:
            if INSERT in moves and (ordered or place == len(x)):
                yield (*x[:place], element, *x[place:])
            if REWRITE in moves and place < len(x):
                yield (*x[:place], element, *x[place + 1 :])


def within(x: Input, reach: int, attacker: Attacker, *, ordered: bool) -> dict[Input, int]:
    """Every input that up to `reach` moves make of x, with the fewest that do."""
    alphabet = (*sorted(set(x)), *FRESH)
    found, edge = {x: 0}, [x]
    for distance in range(1, reach + 1):
        following = []
        for one in edge:
            for other in edited(one, attacker.moves, alphabet, ordered=ordered):
                canonical = other if ordered else tuple(sorted(other))
                if canonical not in found:
                    found[canonical] = distance
                    following.append(canonical)
        edge = following
    return found


def shown(x: Input, num_kept: int) -> Counter[Input]:
    """What the masks of an input show, and how many show the same; sets lie in order."""
    return Counter(itertools.combinations(x, num_kept))


def stay_after(counts: Ints, chosen: tuple[int, ...], k: int) -> int:
    """How many of the chosen labels are among the k most named, ties against them."""
    order = sorted(range(len(counts)), key=lambda j: (-counts[j], j in chosen))
    return sum(j in chosen for j in order[:k])


def after_attack(
    common: Ints, sizes: list[int], chosen: tuple[int, ...], *, m: int, k: int, named: int
) -> Ints:
    """Namings after an attack on "m of the chosen stay": each new tuple, which so many masks show,
    names the rivals that lack the most.
    """
    counts = common.copy()
    out = sorted(chosen, key=lambda j: (counts[j], j))[: len(chosen) - m + 1]
    others = [j for j in range(len(counts)) if j not in chosen]
    rivals = sorted(others, key=lambda j: -counts[j])[: k - m + 1]
    bar = max(counts[j] for j in out)
    for size in sorted(sizes, reverse=True):
        order = sorted(
            range(len(counts)),
            key=lambda j: (j in out, j not in rivals or counts[j] >= bar, counts[j]),
        )
        counts[order[:named]] += size
    return counts


def attacked(
    votes: dict[Input, tuple[int, ...]], other: Input, num_kept: int, classes: int
) -> tuple[Ints, list[int]]:
    """Of a changed input: the namings of tuples that x has too, and how many masks show each tuple
    that it has not.
    """
    common, sizes = np.zeros(classes, np.int64), []
    for kept, times in shown(other, num_kept).items():
        if kept in votes:
            common[list(votes[kept])] += times
        else:
            sizes.append(times)
    return common, sizes


@lru_cache(maxsize=4096)
def reachable(x: Input, reach: int, attacker: Attacker, ordered: bool) -> tuple:
    """`within`, kept for the next classifier of the same input."""
    return tuple(within(x, reach, attacker, ordered=ordered).items())


def random_case(generator: np.random.Generator) -> dict:
    """An input and a classifier."""
    d = int(generator.integers(2, 8))
    num_kept = int(generator.integers(1, d + 1)) if generator.random() < 0.7 else max(1, d - 1)
    classes = int(generator.integers(2, 6))
    named = int(generator.integers(1, min(classes, 4)))
    ordered = bool(generator.random() < 0.6)
    alphabet = int(generator.integers(1, d + 1))
    x = tuple(generator.integers(0, alphabet, d).tolist())
    x = x if ordered else tuple(sorted(x))
    scores = generator.choice([0.0, 2.0, 5.0]) * np.linspace(1, 0, classes)
    votes = {
        kept: tuple(np.argsort(-(scores + generator.gumbel(size=classes)))[:named].tolist())
        for kept in shown(x, num_kept)
    }
    return {
        "x": x, "num_kept": num_kept, "classes": classes, "named": named, "ordered": ordered,
        "votes": votes,
    }  # fmt: skip


def claims(
    counts: Ints, d: int, num_kept: int, named: int, attacker: Attacker, sets: int = 3
) -> Iterator[tuple[str, tuple[int, ...], int, int, int]]:
    """Theorem, labels, m, k and certified radius of all labels alone and of the `sets` (sizes) of
    the most named.
    """
    classes, table = len(counts), counts[None]
    space = {"num_features": d, "num_kept": num_kept, "num_named": named, "attacker": attacker}
    for k in range(1, classes):
        for label in range(classes):
            (radius,) = edit_radius(table, table, [label], k=k, **space)
            yield "I", (label,), 1, k, int(radius)
        order = np.argsort(-counts, kind="stable")
        for size in range(1, min(sets, classes) + 1):
            chosen = tuple(order[:size].tolist())
            (radii,) = stay_radius(table, table, [chosen], k=k, **space)
            for m, radius in enumerate(radii.tolist(), start=1):
                yield "S", chosen, m, k, int(radius)


def search_one(case: dict, attacker: Attacker, reach: int) -> dict[str, Ints]:
    """Of one input and classifier: for each theorem claims, certified, broken, left out."""
    x, num_kept, named = case["x"], case["num_kept"], case["named"]
    classes, votes, d = case["classes"], case["votes"], len(case["x"])
    counts, _ = attacked(votes, x, num_kept, classes)
    others = [
        (distance, *attacked(votes, other, num_kept, classes))
        for other, distance in reachable(x, reach, attacker, case["ordered"])
        if len(other) >= num_kept
    ]
    found = {"I": np.zeros(4, np.int64), "S": np.zeros(4, np.int64)}
    for theorem, chosen, m, k, radius in claims(counts, d, num_kept, named, attacker):
        broken = reach + 1  # the shortest attack
        for distance, common, sizes in others:
            if distance < broken:
                ballots = after_attack(common, sizes, chosen, m=m, k=k, named=named)
                if stay_after(ballots, chosen, k) < m:
                    broken = distance
        for r in range(reach + 1):
            holds, falls = radius >= r, broken <= r
            found[theorem] += [1, holds, holds and falls, not holds and not falls]
    return found


@lru_cache(maxsize=256)
def namings(ballots: int, classes: int, named: int) -> Ints:
    """All counts of so many ballots, `(ways, classes)`."""
    ways = np.indices((ballots + 1,) * classes).reshape(classes, -1).T
    return ways[ways.sum(axis=1) == ballots * named]


def counts_of_one(d: int, classes: int, named: int, attacker: Attacker) -> dict[str, Ints]:
    """The same where e = 1, of every count of d ballots: nothing is known but counts, so an attack
    may choose whichever masks of such a count it loses.
    """
    found = {"I": np.zeros(4, np.int64), "S": np.zeros(4, np.int64)}
    clean = namings(d, classes, named)
    clean = clean[(np.diff(clean, axis=1) <= 0).all(axis=1)]  # labels are as good as each other
    ends = [
        (max(m, new) if attacker.may(REWRITE) else m + new, m, new)
        for m in range(d)
        for new in range(d + 1)
        if (attacker.may(INSERT) or new <= m)
        and (attacker.may(DELETE) or m <= new)
        and (attacker.may(REWRITE) or attacker.may(DELETE) or not m)
        and (attacker.may(REWRITE) or attacker.may(INSERT) or not new)
    ]
    for counts in clean:
        after = {
            (m, new): (kept[:, None] + namings(new, classes, named)[None]).reshape(-1, classes)
            for _, m, new in ends
            if len(kept := _kept(counts, d, m, named))
        }
        for theorem, chosen, m, k, radius in claims(counts, d, 1, named, attacker):
            least = {pair: _fewest(ballots, chosen, k) < m for pair, ballots in after.items()}
            for r in range(d):
                pairs = [(gone, new) for cost, gone, new in ends if cost <= r]
                holds, falls = radius >= r, any(least.get(pair, False) for pair in pairs)
                found[theorem] += [1, holds, holds and falls, not holds and not falls]
    return found


def _kept(counts: Ints, d: int, gone: int, named: int) -> Ints:
    """What `counts` may be without so many ballots."""
    kept = namings(d - gone, len(counts), named)
    return kept[((kept <= counts) & (counts - kept <= gone)).all(axis=1)]


def _fewest(ballots: Ints, chosen: tuple[int, ...], k: int) -> int:
    """The fewest of the chosen labels that are among the k most named, of any row."""
    inside = np.isin(np.arange(ballots.shape[1]), chosen)
    order = np.argsort(-(2 * ballots + ~inside), axis=1, kind="stable")
    return int(inside[order[:, :k]].sum(axis=1).min())


def header(first: str) -> None:
    print(
        f"| {first} | theorem | claims | certified | broken | left out |\n|---|---|---|---|---|---|"
    )


def line(first: str, theorem: str, numbers: Ints) -> str:
    return f"| {first} | {theorem} | {' | '.join(f'{number:,}' for number in numbers.tolist())} |"


def print_search(seconds: float, seed: int) -> None:
    began, generator = time.monotonic(), np.random.default_rng(seed)
    whole: dict[tuple[str, str], Ints] = {}
    cases = 0
    while time.monotonic() - began < seconds:
        case = random_case(generator)
        attacker = ATTACKERS[int(generator.integers(len(ATTACKERS)))]
        reach = 3 if len(case["x"]) <= 5 and attacker.moves != MOVES else 2
        cases += 1
        for theorem, numbers in search_one(case, attacker, reach).items():
            key = (", ".join(attacker.moves), theorem)
            whole[key] = whole.get(key, np.zeros(4, np.int64)) + numbers
    print(f"{cases:,} inputs and classifiers, seed {seed}\n")
    header("moves")
    for (moves, theorem), numbers in sorted(whole.items()):
        print(line(moves, theorem, numbers))
    _print_sum(list(whole.items()))


def print_counts(seconds: float) -> None:
    began = time.monotonic()
    whole: dict[tuple[str, str], Ints] = {}
    spaces = []
    for size, classes in sorted(itertools.product(range(2, 8), range(2, 6)), key=math.prod):
        if time.monotonic() - began > seconds:
            break
        spaces.append(f"{size}, {classes}")
        for named, attacker in itertools.product(range(1, classes), ATTACKERS):
            for theorem, numbers in counts_of_one(size, classes, named, attacker).items():
                key = (f"w = {named}: {', '.join(attacker.moves)}", theorem)
                whole[key] = whole.get(key, np.zeros(4, np.int64)) + numbers
    print(f"d, c: {'; '.join(spaces)}\n")
    header("moves")
    for (moves, theorem), numbers in sorted(whole.items()):
        print(line(moves, theorem, numbers))
    _print_sum(list(whole.items()))


def _print_sum(whole: list[tuple[tuple[str, str], Ints]]) -> None:
    for theorem in ("I", "S"):
        parts = [numbers for (_, which), numbers in whole if which == theorem]
        print(line("all", theorem, np.sum(parts, axis=0)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("search", "counts"))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.what == "search":
        print_search(args.seconds, args.seed)
    else:
        print_counts(args.seconds)


if __name__ == "__main__":
    main()
