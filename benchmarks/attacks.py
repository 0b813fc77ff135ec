"""Attacks the vote over a fixed design, with the carried network, to see whether a certificate can
be broken.

    python benchmarks/attacks.py --data-dir DIR [--images 50] [--masks 100] [--k 1] [--seed 0]

    --values image     the attacker keeps to values in [0, 1]
    --method fpa       one partition
    --ballot 2         each masked image names two labels
    --model lattice    the grids and the network of the design lattice

Test images 0, 20, 40, ... are certified for their labels. The attacker knows masks and network. He
changes one pixel more at a time: of the pixels and values that do most by themselves he tries the
best together with those that he has, always on the votes of the masks that keep a changed pixel,
and then exchanges values and pixels as long as the vote gets no better for the label. Up to the
certified radius he begins anew once. From the better attempt he goes on, and when he has succeeded,
takes pixels back as long as the rest can be mended. What succeeds is counted again by the library,
from the image alone. An attack within the radius is printed, and the exit code is 1.

`voided` is what no real network need do: every mask that keeps a changed pixel votes as suits the
attacker best. It takes pixels greedily, so fewer may suffice; within the radius it would refute the
theorem, and counts as a broken certificate.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import math
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topcert.datasets.dataset import Dataset
from topcert.datasets.load_dataset import load_dataset
from topcert.datasets.reading import Reading
from topcert.evaluation.results import derive
from topcert.methods.certificate_table import CertificateTable
from topcert.modalities.make_encoder import make_encoder
from topcert.modalities.registered_modalities import to_planes
from topcert.noise.ablation import Ablation
from topcert.noise.law import of_law
from topcert.theory.ranking import most_voted
from topcert.voting.ledger import Ledger
from topcert.voting.prepared_run import Prepared
from topcert.voting.request import Request
from topcert.voting.run import collect_votes, open_run
from topcert.voting.voter import count_all

# how far from grey the corners of the colours lie
REACHES = {"image": (0.5,), "any": (0.5, 2.0, 10.0, 100.0)}
ROWS = 256  # masked images in one pass
PROBED, SHORTLIST = 6, 64  # pixels that all values are tried on, and that the best values are
TRIED, CLIMBED = 12, 6  # changes that are tried at once: to add a pixel, to exchange one
SHORT_CLIMB, LONG_CLIMB, RESTARTS = 1, 10, 2
BUDGETS = (lambda r: r, lambda r: r + 1, lambda r: 2 * r, lambda r: 4 * r)

Ints = NDArray[np.int64]
Floats = NDArray[np.floating]
Change = dict[int, Floats]  # new values (channels,) of a pixel


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """What became of one certificate; `broken` and `voided` are numbers of pixels, infinite where
    none was found.
    """

    index: int
    label: int
    k: int
    radius: int
    broken: float
    voided: float


class Image:
    """An image under attack: the ballots `(masks, num_named)` of all masks, and what they would be
    after more changes.
    """

    def __init__(
        self,
        prepared: Prepared,
        position: int,
        votes: Ints,
        *,
        palette: Floats,
        generator: np.random.Generator,
    ) -> None:
        """`palette` `(values, channels)` are tried on some pixels: `probes` `(values, pixels,
        masks, num_named)`.
        """
        design = prepared.design
        assert design is not None
        kept, (height, width, _) = design.masks(0, len(votes)), prepared.dataset.shape
        self.prepared, self.classifier, self.num_named = (
            prepared,
            prepared.classifier,
            votes.shape[1],
        )
        self.classes = prepared.classifier.num_classes
        self.keeps = np.zeros((len(votes), height * width), np.bool_)
        np.put_along_axis(self.keeps, kept.astype(np.int64), True, axis=1)
        self.planes = to_planes(prepared.dataset.read(position), "pixel")
        encoding = of_law(prepared.noise, Ablation).encoding
        assert encoding is not None
        encoder = make_encoder(
            encoding,
            shape=prepared.dataset.shape,
            unit="pixel",
            batch_size=len(votes),
            stride=design.stride,
        )
        shown = encoder(self.planes, kept)
        self.shape, self.clean = shown.shape[1:], shown.reshape(*shown.shape[:2], -1).copy()
        rows, columns = np.divmod(np.arange(height * width), width)
        tall, wide = (1, 1) if design.stride is None or encoding != "lattice" else design.stride
        self.places = rows // tall * shown.shape[3] + columns // wide
        self.inverted = encoding == "six-channel"
        self.clean_votes = votes
        self.reset()
        self.palette, pixels = palette, self.keeps.shape[1]
        some = generator.choice(pixels, min(PROBED, pixels), replace=False).tolist()
        probes = self.tried([{pixel: value} for value in palette for pixel in some])
        self.probes = probes.reshape(len(palette), len(some), *votes.shape)

    def reset(self) -> None:
        self.shown, self.votes, self.changed = self.clean.copy(), self.clean_votes.copy(), Change()

    def tried(self, trials: list[Change]) -> Ints:
        """All ballots after each trial, made on top of what is changed already, `(trials, masks,
        num_named)`.
        """
        votes = np.repeat(self.votes[None], len(trials), axis=0)
        which, masks = np.nonzero(
            np.stack([self.keeps[:, list(trial)].any(axis=1) for trial in trials])
        )
        for start in range(0, len(which), ROWS):
            here, theirs = which[start : start + ROWS], masks[start : start + ROWS]
            batch = self.shown[theirs]
            for number in np.unique(here).tolist():
                self.write(batch, self.keeps[theirs] & (here == number)[:, None], trials[number])
            votes[here, theirs] = self.classifier(batch.reshape(-1, *self.shape))[
                :, : self.num_named
            ]
        return votes

    def write(self, batch: Floats, keeps: NDArray[np.bool_], change: Change) -> None:
        """Write new values into masked images `(B, planes, places)` that keep the pixel, as the
        encoder shows them.
        """
        for pixel, values in change.items():
            rows, place = np.flatnonzero(keeps[:, pixel]), self.places[pixel]
            batch[rows, : len(values), place] = values
            if self.inverted:
                batch[rows, len(values) :, place] = 1 - values

    def change(self, change: Change, votes: Ints) -> None:
        """Keep a trial and the ballots that it gave."""
        self.write(self.shown, self.keeps, change)
        self.votes = votes
        self.changed = {**self.changed, **change}
        for pixel in [
            pixel for pixel in change if np.array_equal(self.changed[pixel], self.planes[:, pixel])
        ]:
            del self.changed[pixel]

    def counted_again(self) -> tuple[Ints, int]:
        """How often each class is named `(1, classes)` of the changed image, by the library, and
        how many pixels differ.
        """
        planes = self.planes.copy()
        for pixel, values in self.changed.items():
            planes[:, pixel] = values
        differ = int((planes != self.planes).any(axis=0).sum())
        x = planes.reshape(-1, *self.prepared.dataset.shape[:2]).transpose(1, 2, 0)
        attacked = dataclasses.replace(self.prepared.dataset, read=lambda _: x)
        counts = count_all(
            dataclasses.replace(self.prepared, dataset=attacked).voter(),
            num_inputs=1,
            num_samples=len(self.votes),
            num_classes=self.classes,
            on_progress=lambda *_: None,
        )
        return counts, differ


def lacking(votes: Ints, label: int, k: int, classes: int, given: Ints | int = 0) -> Ints:
    """How many namings k rivals lack to be shown before the label, for ballots `(trials, masks,
    num_named)`; 0 where it is broken.

    A ballot of -1 names nobody; `given` of them may be dealt out to rivals, to each one once a
    ballot.
    """
    counts = (votes[:, :, :, None] == np.arange(classes)).sum(axis=(1, 2))
    worth = counts - (np.arange(classes) > label)
    lacks = np.maximum(counts[:, [label]] - np.delete(worth, label, axis=1), 0)
    fewest = np.sort(lacks, axis=1)[:, :k]
    most = min(k, votes.shape[2])
    return np.maximum(np.maximum(fewest.sum(axis=1) - most * given, fewest[:, -1] - given), 0)


def voided(image: Image, label: int, k: int) -> list[int]:
    """Pixels, greedily chosen, that break the label if every mask that keeps one votes as the
    attacker likes.
    """
    chosen: list[int] = []
    met = np.zeros(len(image.keeps), np.bool_)
    for _ in range(image.keeps.shape[1]):
        meets = met | image.keeps.T
        voids = np.where(meets[:, :, None], -1, image.clean_votes)
        lacks = lacking(voids, label, k, image.classes, given=meets.sum(axis=1))
        chosen.append(int(lacks.argmin()))
        if not lacks[chosen[-1]]:
            break
        met = meets[chosen[-1]]
    return chosen


class Attack:
    """An attack on one label and k of an image; `colours` `(images, channels, pixels)` are of other
    classes.
    """

    def __init__(
        self,
        image: Image,
        label: int,
        k: int,
        *,
        colours: Floats,
        limit: int,
        generator: np.random.Generator,
    ) -> None:
        self.image, self.label, self.k, self.generator = image, label, k, generator
        self.colours, self.limit = colours, min(limit, image.keeps.shape[1])
        image.reset()
        self.best = self.best_values()
        pixels = image.keeps.shape[1]
        by_itself = self.lacks(np.where(image.keeps.T[:, :, None], -1, image.votes))
        order = np.lexsort((generator.random(pixels), by_itself)).tolist()
        listed = list(dict.fromkeys([*voided(image, label, k), *order]))[: max(SHORTLIST, limit)]
        self.entries = [
            (pixel, value) for pixel in listed for value in [*self.best, self.colour(pixel)]
        ]
        self.alone = image.tried([{pixel: value} for pixel, value in self.entries])
        self.kept = image.keeps[:, [pixel for pixel, _ in self.entries]].T

    def lacks(self, votes: Ints) -> Ints:
        return lacking(votes, self.label, self.k, self.image.classes)

    def best_values(self) -> Floats:
        """The two values of most effect, and for each of the k + 1 classes that are the easiest to
        win the best one.
        """
        image, (values, some, *each) = self.image, self.image.probes.shape
        effect = self.lacks(image.probes.reshape(-1, *each)).reshape(values, some).mean(axis=1)
        won = (image.probes[..., None] == np.arange(image.classes)).sum(axis=(1, 2, 3))
        won[:, self.label] = -1
        easiest = np.argsort(-won.max(axis=0), kind="stable")[: self.k + 1]
        chosen = [
            *np.argsort(effect, kind="stable")[:2].tolist(),
            *won[:, easiest].argmax(axis=0).tolist(),
        ]
        return image.palette[list(dict.fromkeys(chosen))]

    def colour(self, pixel: int) -> Floats:
        """The colour that an image of another class has there."""
        return self.colours[self.generator.integers(len(self.colours)), :, pixel]

    def promising(self) -> list[tuple[int, Floats]]:
        """Entries for pixels as yet unchanged, best first, as if they did beside the changes what
        they do alone.
        """
        image = self.image
        met = image.keeps[:, list(image.changed)].any(axis=1)
        hoped = self.lacks(np.where((self.kept & ~met)[:, :, None], self.alone, image.votes))
        order = np.lexsort((self.generator.random(len(hoped)), hoped)).tolist()
        return [
            self.entries[place] for place in order if self.entries[place][0] not in image.changed
        ]

    def take_best(self, trials: list[Change], *, at_most: float = math.inf) -> None:
        votes = self.image.tried(trials)
        lacks = self.lacks(votes)
        place = int(lacks.argmin())
        if lacks[place] <= at_most:
            self.image.change(trials[place], votes[place])

    def grow(self) -> None:
        """Change one pixel more."""
        self.take_best([{pixel: value} for pixel, value in self.promising()[:TRIED]])

    def climb(self, steps: int) -> None:
        """Exchange values and pixels as long as it does no harm."""
        image, generator = self.image, self.generator
        for _ in range(steps):
            if self.broken() or not image.changed:
                return
            new, trials = self.promising()[:TRIED], list[Change]()
            for number in range(CLIMBED):
                pixel = int(generator.choice(list(image.changed)))
                if number % 2 == 0 and new:
                    other, value = new[generator.integers(len(new))]
                    trials.append({pixel: image.planes[:, pixel], other: value})
                else:
                    trials.append({pixel: self.another(pixel, number)})
            self.take_best(trials, at_most=int(self.lacks(image.votes[None])[0]))

    def another(self, pixel: int, number: int) -> Floats:
        palette = self.image.palette
        kinds = (
            lambda: palette[self.generator.integers(len(palette))],
            lambda: self.colour(pixel),
            lambda: self.best[self.generator.integers(len(self.best))],
            lambda: self.generator.uniform(palette.min(), palette.max(), palette.shape[1]).astype(
                np.float32
            ),
        )
        return kinds[number // 2 % len(kinds)]()

    def broken(self) -> bool:
        return int(self.lacks(self.image.votes[None])[0]) == 0

    def succeeded(self) -> int | None:
        """With how many pixels the image of now breaks the label, by the library's own count."""
        if not self.broken():
            return None
        counts, differ = self.image.counted_again()
        return None if self.label in most_voted(counts, self.k)[0] else differ

    def run(self, radius: int) -> float:
        """With how many pixels it succeeded; infinite where `limit` do not suffice."""
        image, attempts = self.image, list[tuple[int, Change, Ints]]()
        for _ in range(RESTARTS):
            image.reset()
            for size in range(1, radius + 1):
                self.grow()
                self.climb(SHORT_CLIMB if size < radius else LONG_CLIMB)
                if found := self.succeeded():
                    return found
            attempts.append((int(self.lacks(image.votes[None])[0]), image.changed, image.votes))
        _, changed, votes = min(attempts, key=lambda attempt: attempt[0])
        image.reset()
        image.change(changed, votes)
        for _ in range(radius, self.limit):
            self.grow()
            self.climb(LONG_CLIMB // 2)
            if found := self.succeeded():
                return self.shrink(found)
        return math.inf

    def shrink(self, fewest: int) -> int:
        """Take changed pixels back one by one, the one that matters least first, as long as the
        rest can be mended.
        """
        while len(self.image.changed) > 1:
            self.take_best([{pixel: self.image.planes[:, pixel]} for pixel in self.image.changed])
            self.climb(LONG_CLIMB)
            found = self.succeeded()
            if found is None:
                break
            fewest = min(fewest, found)
        return fewest


def palette_of(values: str, channels: int) -> Floats:
    corners = np.array(list(itertools.product((-1.0, 1.0), repeat=channels)))
    return np.concatenate([0.5 + reach * corners for reach in REACHES[values]]).astype(np.float32)


def attack_all(
    prepared: Prepared,
    ledger: Ledger,
    certificates: CertificateTable,
    *,
    others: Dataset,
    num_named: int = 1,
    values: str = "any",
    seed: int = 0,
) -> list[Case]:
    """Attacks every certificate of a radius of 1 or more with up to four times as many pixels;
    `others` lend colours.
    """
    labels, cases = others.labels, list[Case]()
    assert labels is not None
    planes = np.stack(
        [to_planes(others.read(position), "pixel") for position in range(len(others))]
    )
    palette = palette_of(values, planes.shape[1])
    for position, (index, votes) in enumerate(
        zip(prepared.dataset.indices.tolist(), ledger.iterate_inputs(), strict=True)
    ):
        ballots = votes.astype(np.int64)
        generator = np.random.default_rng([seed, index])
        image = Image(
            prepared, position, ballots[:, :num_named], palette=palette, generator=generator
        )
        for row in np.flatnonzero(
            (certificates.index == index) & (certificates.radius >= 1)
        ).tolist():
            label, k, radius = (
                int(part[row]) for part in (certificates.label, certificates.k, certificates.radius)
            )
            colours = planes[labels != label]
            attack = Attack(image, label, k, colours=colours, limit=4 * radius, generator=generator)
            fewest = len(voided(image, label, k))
            cases.append(
                Case(
                    index=index,
                    label=label,
                    k=k,
                    radius=radius,
                    broken=attack.run(radius),
                    voided=fewest,
                )
            )
            print(cases[-1], file=sys.stderr, flush=True)
    return cases


def report(cases: list[Case]) -> bool:
    """Print a row for each k, and all cases broken within their radius; whether there are none."""
    print(
        "| k | attacked | broken with r pixels | r + 1 | 2 r | 4 r | median r | fewest pixels,"
        " median | voided, median |"
    )
    print(f"|{'---|' * 9}")
    for k in sorted({case.k for case in cases}):
        some = [case for case in cases if case.k == k]
        shares = [sum(case.broken <= most(case.radius) for case in some) for most in BUDGETS]
        medians = (
            np.median([getattr(case, name) for case in some])
            for name in ("radius", "broken", "voided")
        )
        print(
            f"| {k} | {len(some)} | {' | '.join(map(str, shares))} |"
            f" {' | '.join(f'{value:g}' for value in medians)} |"
        )
    wrong = [case for case in cases if min(case.broken, case.voided) <= case.radius]
    for case in wrong:
        print(f"BROKEN WITHIN ITS RADIUS: {case}")
    return not wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--model", choices=["compact", "lattice"], default="compact")
    parser.add_argument("--masks", type=int, default=100)
    parser.add_argument("--keep", type=int, default=52)
    parser.add_argument("--ballot", type=int, default=1)
    parser.add_argument("--k", type=int, action="append")
    parser.add_argument("--method", choices=["design", "fpa"], default="design")
    parser.add_argument("--values", choices=list(REACHES), default="any")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.perf_counter()
    masks = -(-1024 // options.keep) if options.method == "fpa" else options.masks
    keep, design, encoding = options.keep, "stratified", "six-channel"
    if options.model == "lattice":
        masks, keep, design, encoding = 25, 49, "lattice", "lattice"
    request = Request(
        data="cifar10",
        model=options.model,
        noise=Ablation(num_kept=keep, design=design, encoding=encoding),
        num_samples=masks,
        num_named=options.ballot,
        reading=Reading(data_dir=options.data_dir, limit=options.images),
        seed=options.seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        opened = open_run(request, Path(folder) / "run", resume=False)
        ledger = collect_votes(opened, on_progress=lambda *_: None)
        made = derive(
            ledger, method=options.method, ks=options.k or [1, 3], alpha=0.0, label_choice="given"
        )
        others = load_dataset("cifar10", data_dir=options.data_dir, limit=200)
        cases = attack_all(
            opened.prepared,
            ledger,
            made.certificates,
            others=others,
            num_named=options.ballot,
            values=options.values,
            seed=options.seed,
        )
    print(
        f"{options.images} images, {options.model}, {masks} masks that name {options.ballot},"
        f" values: {options.values}, seed {options.seed}\n"
    )
    right = report(cases)
    print(f"\n{time.perf_counter() - began:,.0f} s")
    sys.exit(not right)


if __name__ == "__main__":
    main()
