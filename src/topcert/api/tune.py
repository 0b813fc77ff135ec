"""Which setting certifies most at a radius, by a small labelled sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from topcert.api.arguments import check_object, listed
from topcert.api.certified_votes import USUAL_ALPHA
from topcert.api.claim import Claim, method_of, most_named
from topcert.api.python_words import python_words
from topcert.api.request_of import check_columns, checked_reading, request_of
from topcert.api.smoothed_classifier import SmoothedClassifier
from topcert.api.tuned import Tuned
from topcert.api.votes import Votes
from topcert.api.voting_run import VotingRun
from topcert.datasets.from_memory import in_memory_unless_named
from topcert.datasets.reading import Reading
from topcert.evaluation.choices import choose_alpha, choose_ks, choose_samples
from topcert.evaluation.tuning import Trial, folder_of, try_ballots
from topcert.files import check_out_folder, path_of
from topcert.methods.method import SampledMethod
from topcert.methods.rules import check_rule
from topcert.noise.law import Noise
from topcert.progress.shown import Shown
from topcert.theory.scalars import whole_number
from topcert.voting.prepare import prepare
from topcert.voting.request import Request

SAMPLES: Final = 1_000
INPUTS: Final = 200  # of data that is named


Collect = Callable[[Request, SampledMethod, Path | None], Votes]


def try_settings(
    requests: Sequence[Request],
    claim: Claim,
    *,
    k: int | None,
    radius: int,
    out: Path | None,
    collect: Collect,
) -> Tuned:
    """Try what is requested, each by votes of its own.

    `k` None is 3, or fewer where there are fewer classes. `collect` fills a run, in a folder of
    `out` where there is one. Raises ValueError, before any
    vote, where a setting cannot be certified or the inputs have no labels.
    """
    methods = [method_of(claim, request.noise, k) for request in requests]
    prepared = prepare(requests[0])  # how many classes there are is known only then
    num_classes = prepared.classifier.num_classes
    (k,) = choose_ks(None if k is None else [k], methods[0].name, num_classes)
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
    k: int | None = None,
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
        What matters to you; k is 3, or fewer where there are fewer classes.
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
        tried = listed(noises, "noises", such_as="[topcert.Ablation(num_kept=50)]")
        if not tried:
            raise ValueError("noises is empty; give laws to try, such as Ablation(num_kept=50)")
        asked_claim = Claim() if claim is None else claim
        check_object(asked_claim, Claim, "claim", such_as='topcert.Claim(method="located")')
        reading = checked_reading(reading)
        if isinstance(x, (str, Path)) and reading.limit is None:
            reading = replace(reading, limit=INPUTS)
        check_columns(getattr(model, "model", model), x, labels)
        in_memory = in_memory_unless_named(x, labels)
        asked = None if num_samples is None else whole_number(num_samples, "num_samples")
        base = (
            model
            if isinstance(model, SmoothedClassifier)
            else SmoothedClassifier(model, noise=tried[0])
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
            for noise in tried
        ]

        def collect(request: Request, method: SampledMethod, folder: Path | None) -> Votes:
            return VotingRun(request, folder, method=method).votes(
                progress, choice="given", executor=base.executor
            )

        where = None if out is None else path_of(out, "out")
        if where is not None:
            check_out_folder(where)
        found = try_settings(
            requests,
            asked_claim,
            k=None if k is None else whole_number(k, "k"),
            radius=whole_number(radius, "radius"),
            out=where,
            collect=collect,
        )
        if where is not None:
            found.save(where / "tune.csv")
    return found
