"""Which setting certifies most at a radius, by a small labelled sample."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, final

from topcert.api.python_words import python_words
from topcert.api.request_of import check_columns, request_of
from topcert.api.smoothed_classifier import SmoothedClassifier
from topcert.api.votes import USUAL_ALPHA, Votes
from topcert.api.voting_run import VotingRun
from topcert.data_frames import to_frame
from topcert.datasets.from_memory import in_memory_unless_named
from topcert.datasets.reading import Reading
from topcert.evaluation.accuracy import floored
from topcert.evaluation.choices import (
    check_ballot,
    check_design,
    check_ks,
    choose_alpha,
    choose_samples,
)
from topcert.evaluation.tuning import (
    Trial,
    folder_of,
    ranked,
    setting_in_words,
    try_ballots,
)
from topcert.evaluation.usual_method import usual_method
from topcert.files import check_out_folder, replacing
from topcert.html_tables import html_table
from topcert.methods.method import SampledMethod
from topcert.methods.registered_methods import find_sampled_method
from topcert.methods.rules import check_rule
from topcert.noise.ablation import Ablation
from topcert.noise.law import IID, Noise
from topcert.progress.shown import Shown
from topcert.theory.scalars import whole_number
from topcert.voting.prepare import prepare
from topcert.voting.request import Request

SAMPLES: Final = 1_000
INPUTS: Final = 200  # of data that is named


@final
class Tuned:
    """What each setting certifies, the best first.

    They were chosen by these inputs: certify others, for a setting may do a little worse there.

    Attributes
    ----------
    trials
        The settings with what each certifies, the best first.
    k, radius
        What was asked.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> found = topcert.tune(
    ...     lambda batch: batch[:, :3], np.eye(3, 12), [0, 1, 2], k=1, radius=0, num_samples=100,
    ...     noises=[topcert.Ablation(num_kept=11)], progress=False)
    >>> found.best.certified, found.best.total
    (3, 3)
    """

    def __init__(self, trials: Sequence[Trial], *, k: int, radius: int) -> None:
        self.trials = tuple(ranked(trials))
        self.k = k
        self.radius = radius

    @property
    def best(self) -> Trial:
        """What certifies most; of equal ones that of fewer passes, then of smaller w."""
        return self.trials[0]

    def rows(self) -> list[dict[str, Any]]:
        """One row a setting, the best first, with the 95 % interval of its share."""
        return [
            {
                **asdict(trial),
                "share": trial.certified / trial.total,
                "share_lower": trial.interval[0],
                "share_upper": trial.interval[1],
            }
            for trial in self.trials
        ]

    def save(self, path: str | Path) -> Path:
        """Write `rows` as CSV.

        Parameters
        ----------
        path
            The file.

        Returns
        -------
        Path
            The path.
        """
        where, rows = Path(path), self.rows()
        with replacing(where) as aside, aside.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return where

    def to_pandas(self) -> Any:
        """`rows` as a DataFrame. Raises ImportError where there is no pandas."""
        rows = self.rows()
        return to_frame({name: [row[name] for row in rows] for name in rows[0]})

    def _repr_html_(self) -> str:
        rows = self.rows()
        cells = [list(row.values()) for row in rows]
        return html_table(
            list(rows[0]), cells, caption=f"certified top-{self.k} accuracy at r = {self.radius}"
        )

    def __repr__(self) -> str:
        lines = [f"<Tuned: certified top-{self.k} accuracy at r = {self.radius}"]
        for trial in self.trials:
            named = "" if trial.num_named == 1 else f", w = {trial.num_named}"
            low, high = trial.interval
            lines.append(
                f"  {setting_in_words(trial.law, trial.num_kept)}{named}:"
                f" {floored(trial.certified, trial.total, 3)} ({low:.3f} to {high:.3f}),"
                f" {trial.passes:,} votes"
            )
        return "\n".join(lines) + ">"


@final
@dataclass(frozen=True, kw_only=True)
class Claim:
    """What is claimed of each setting that `tune` tries; None takes what is usual.

    Parameters
    ----------
    method
        The certificate; None for the usual one of each noise.
    bounds
        As of `Votes.certify`.
    alpha
        The chance that any certificate of an input is wrong; 0.001.
    num_named
        Votes of 1 .. so many labels are tried; None for up to k, where the method certifies such.

    Examples
    --------
    >>> import topcert
    >>> topcert.Claim(method="located", alpha=0.01).bounds is None
    True
    """

    method: str | None = None
    bounds: str | None = None
    alpha: float | None = None
    num_named: int | None = None


def method_of(claim: Claim, noise: Noise, k: int) -> SampledMethod:
    """What certifies votes under that noise.

    Raises ValueError where it does not, or cannot keep to the bounds and alpha.
    """
    method = claim.method or usual_method(noise.name, noise.law, [k])
    certifier = find_sampled_method(method)
    if certifier.noise != Ablation.name:
        raise ValueError(
            f"tune is for ablated inputs, and {method} is for {certifier.noise} noise; leave"
            " --method out"
        )
    if noise.name != Ablation.name:
        raise ValueError(f"tune is for ablated inputs, and not for {noise!r}; give Ablation")
    check_design(None if noise.law == IID else noise.law, certifier)
    check_rule(certifier, claim.bounds)
    choose_alpha(claim.alpha, certifier, usual=USUAL_ALPHA)
    return certifier


def most_named(claim: Claim, certifier: SampledMethod, k: int, num_classes: int) -> int:
    """How many labels votes name at most."""
    usual = min(k, num_classes - 1) if certifier.ballots else 1
    most = claim.num_named or usual
    check_ballot(most, certifier, num_classes)
    return most


Collect = Callable[[Request, SampledMethod, Path | None], Votes]


def try_settings(
    requests: Sequence[Request],
    claim: Claim,
    *,
    k: int,
    radius: int,
    out: Path | None,
    collect: Collect,
) -> Tuned:
    """Try what is requested, each by votes of its own.

    `collect` fills a run, in a folder of `out` where there is one. Raises ValueError, before any
    vote, where a setting cannot be certified or the inputs have no labels.
    """
    methods = [method_of(claim, request.noise, k) for request in requests]
    prepared = prepare(requests[0])  # how many classes there are is known only then
    num_classes = prepared.classifier.num_classes
    check_ks([k], num_classes)
    if prepared.dataset.labels is None:
        raise ValueError(
            f"{requests[0].data} has no labels, and certified accuracy needs them; tune on labelled"
            " inputs"
        )
    most = [most_named(claim, method, k, num_classes) for method in methods]
    trials: list[Trial] = []
    for request, method, num_named in zip(requests, methods, most, strict=True):
        law, kept = request.noise.law, request.noise.entries().get("num_kept")
        folder = None if out is None else out / folder_of(law, kept)
        votes = collect(replace(request, num_named=num_named), method, folder)
        trials += try_ballots(
            votes.ledger,
            method=method.name,
            bounds=check_rule(method, claim.bounds),
            k=k,
            alpha=choose_alpha(claim.alpha, method, usual=USUAL_ALPHA),
            radius=radius,
            ballots=range(1, num_named + 1),
        )
    return Tuned(trials, k=k, radius=radius)


def tune(
    model: Any,
    x: Any,
    labels: Any = None,
    *,
    noises: Sequence[Noise],
    radius: int,
    k: int = 3,
    claim: Claim | None = None,
    num_samples: int | None = None,
    seed: int = 0,
    reading: Reading | None = None,
    out: str | Path | None = None,
    progress: Shown = None,
) -> Tuned:
    """Try laws of noise on a small labelled sample: which certifies most at a radius?

    Parameters
    ----------
    model, x, labels
        As `SmoothedClassifier` and its `vote` take them; or a `SmoothedClassifier`, whose unit,
        classes, output, device and batch size then hold for each trial.
    noises
        What to try, such as `[topcert.Ablation(num_kept=e) for e in (40, 50, 60)]`.
    radius, k
        What matters to you.
    claim
        By which method, bounds and alpha, and how many labels votes may name.
    num_samples
        Votes of each input; 1,000, or one round of a lattice with strides.
    seed
        Names the masks.
    reading
        How data is read; at most 200 inputs of what is named unless its `limit` says otherwise.
    out
        A folder for the votes of each setting and tune.csv; repeat the call to go on after a stop.
    progress
        As of `SmoothedClassifier.vote`.

    Returns
    -------
    Tuned
        What each setting certifies, the best first.

    Raises
    ------
    ValueError
        Where there is nothing to try, or there are no labels.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> x = np.random.default_rng(0).random((4, 12))
    >>> found = topcert.tune(
    ...     lambda batch: batch[:, :3], x, [0, 1, 1, 0], k=1, radius=0, num_samples=100,
    ...     noises=[topcert.Ablation(num_kept=e) for e in (4, 8)], progress=False)
    >>> len(found.trials), found.best.certified >= found.trials[1].certified
    (2, True)
    """
    with python_words():
        if not noises:
            raise ValueError("noises is empty; give laws to try, such as Ablation(num_kept=50)")
        reading = reading or Reading()
        if isinstance(x, (str, Path)) and reading.limit is None:
            reading = replace(reading, limit=INPUTS)
        check_columns(getattr(model, "model", model), x, labels)
        in_memory = in_memory_unless_named(x, labels)
        asked = None if num_samples is None else whole_number(num_samples, "num_samples")
        base = (
            model
            if isinstance(model, SmoothedClassifier)
            else SmoothedClassifier(model, noise=noises[0])
        )
        requests = [
            request_of(
                base.under(noise),
                x if in_memory is None else in_memory,
                None,
                num_samples=choose_samples(asked, noise.law, usual=SAMPLES),
                seed=seed,
                reading=reading,
                unmatched="refuse",
            )
            for noise in noises
        ]

        def collect(request: Request, method: SampledMethod, folder: Path | None) -> Votes:
            return VotingRun(request, folder, method=method).votes(
                progress, choice="given", executor=base.executor
            )

        where = None if out is None else Path(out)
        if where is not None:
            check_out_folder(where)
        found = try_settings(
            requests,
            Claim() if claim is None else claim,
            k=whole_number(k, "k"),
            radius=whole_number(radius, "radius"),
            out=where,
            collect=collect,
        )
        if where is not None:
            found.save(where / "tune.csv")
    return found
