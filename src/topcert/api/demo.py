"""The whole way on data that is already here: train, vote, certify, draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.api.certificates import Certificates
from topcert.api.origins import FromVotes
from topcert.api.python_words import python_words
from topcert.api.smoothed_classifier import SmoothedClassifier
from topcert.datasets.built_in_sets import digits_split
from topcert.evaluation.choices import check_alpha
from topcert.evaluation.results import Results
from topcert.files import check_out_folder, path_of, replacing
from topcert.noise.ablation import Ablation
from topcert.progress.shown import Shown
from topcert.randomization.masks import draw_masks
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.scalars import whole_number

KEPT: Final = 10
KS: Final = (1, 3)
SHOWN: Final = 6
VIEWS: Final = 3

# The certificates of a classifier's votes on the digits, with the votes in a folder.
Certify = Callable[[SmoothedClassifier, Path], Certificates]


@final
@dataclass(frozen=True, kw_only=True)
class Demo:
    """What the demo made.

    Attributes
    ----------
    folder
        Where everything lies: the network, votes, certificates, accuracy and the gallery.
    model
        The network that was trained, which `SmoothedClassifier` takes.
    certificates
        Of 360 digits that it was not trained on, for k = 1 and 3.

    Examples
    --------
    >>> from pathlib import Path
    >>> import topcert
    >>> found = topcert.certify_counts(
    ...     [[95, 5, 0, 0]], [0], noise=topcert.Ablation(num_kept=10), num_features=64, k=(1, 3))
    >>> folder = Path("topcert-demo")
    >>> made = topcert.Demo(folder=folder, model=folder / "digits.joblib", certificates=found)
    >>> made.model.name, made.certificates.k
    ('digits.joblib', (1, 3))
    """

    folder: Path
    model: Path
    certificates: Certificates

    @property
    def results(self) -> Results:
        """All that follows from the votes."""
        assert isinstance(self.certificates.origin, FromVotes)
        return self.certificates.origin.results

    def rows(self) -> list[dict[str, Any]]:
        """Some inputs, from the best certified to the worst: `index`, `label`, `votes` for it,
        `total` votes, and its radius for each k (`radius_1`, `radius_3`), None where it abstains.
        """
        return [
            {
                "index": int(self.results.index[row]),
                "label": label,
                "votes": int(self.results.counts[row, label]),
                "total": int(self.results.counts[row].sum()),
                **{
                    f"radius_{k}": None if radius == ABSTAIN else radius
                    for k, radius in self._radii(row).items()
                },
            }
            for row in self._chosen()
            for label in [int(self._labels[row])]
        ]

    def draw(self) -> list[Path]:
        """Draw the gallery of these inputs beside the votes; returns the paths."""
        from topcert.report.figures import draw_gallery  # matplotlib

        images, _, test = digits_split()
        rows = self._chosen()
        seed = self.results.ledger.manifest.seed
        masks = draw_masks(seed=seed, start=0, stop=VIEWS, num_features=64, num_kept=KEPT)
        kept = np.zeros((VIEWS, 64), np.bool_)
        np.put_along_axis(kept, masks.astype(np.int64), True, axis=1)
        return draw_gallery(
            images[test][rows],
            np.tile(kept.reshape(1, VIEWS, 8, 8), (len(rows), 1, 1, 1)),
            self.results.counts[rows],
            self._labels[rows],
            [self._radii(row) for row in rows],
            class_names=tuple("0123456789"),
            unit="pixel",
            stem=self.folder / "gallery",
        )

    @property
    def _labels(self) -> NDArray[np.int64]:
        labels = self.results.labels
        assert labels is not None
        return labels

    def _chosen(self) -> list[int]:
        """Rows from the best certified to the worst, evenly spread."""
        order = np.argsort(-self.certificates.radii(3), kind="stable")
        places = np.linspace(0, len(order) - 1, SHOWN).round().astype(int)
        return [int(row) for row in order[places]]

    def _radii(self, row: int) -> dict[int, int]:
        return {k: int(self.certificates.radii(k)[row]) for k in KS}


def demo(
    *,
    out: str | Path = "topcert-demo",
    num_samples: int = 2_000,
    alpha: float = 0.001,
    seed: int = 0,
    progress: Shown = None,
) -> Demo:
    """Train on the UCI digits, certify 360 others for k = 1 and 3, and draw what came out.

    It takes under a minute, and does what `topcert demo` does.

    Parameters
    ----------
    out
        A new folder for everything that it makes.
    num_samples
        Votes of each digit (n).
    alpha
        The chance that any certificate of a digit is wrong.
    seed
        Of training and of the masks.
    progress
        As of `SmoothedClassifier.vote`.

    Returns
    -------
    Demo

    Raises
    ------
    ValueError
        Where the folder holds a demo already, or a number is out of range.

    Examples
    --------
    >>> import topcert
    >>> topcert.demo(alpha=2)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: alpha must lie in (0, 1), got 2; it is the chance of a wrong certificate, ...
    """
    with python_words():
        samples, drawn = whole_number(num_samples, "num_samples"), whole_number(seed, "seed")

        def certify(smoothed: SmoothedClassifier, folder: Path) -> Certificates:
            votes = smoothed.vote(
                "digits", num_samples=samples, seed=drawn, out=folder, progress=progress
            )
            found = votes.certify(k=KS, alpha=alpha)
            found.save()
            return found

        return make_demo(path_of(out, "out"), alpha=alpha, seed=drawn, certify=certify)


def make_demo(
    folder: Path,
    *,
    alpha: float,
    seed: int,
    certify: Certify,
    tell: Callable[[str], None] | None = None,
) -> Demo:
    """Do it; `tell` is told what takes a while before `certify` votes.

    Raises ValueError, before any work, where the folder holds a demo already or alpha is out of
    range.
    """
    from joblib import dump

    from topcert.training.digits import train_digits

    check_alpha(alpha)
    check_out_folder(folder)
    if (folder / "manifest.json").exists() or (folder / "digits.joblib").exists():
        raise ValueError(f"{folder} already holds a demo; remove it or choose another --out")
    images, labels, test = digits_split()
    if tell is not None:
        tell(f"training a small network on {(~test).sum()} digits, {KEPT} of 64 pixels kept ...")
    network = train_digits(images[~test], labels[~test], num_kept=KEPT, seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "digits.joblib"
    with replacing(model) as aside:
        dump(network, aside)
    smoothed = SmoothedClassifier(str(model), noise=Ablation(num_kept=KEPT))
    made = Demo(folder=folder, model=model, certificates=certify(smoothed, folder))
    made.draw()
    return made
