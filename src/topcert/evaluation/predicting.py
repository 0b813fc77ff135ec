"""From votes to the labels that the smoothed classifier shows, each with its radius."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from topcert.evaluation.predictions import Predictions
from topcert.evaluation.results import choose_attacker, smoothing_of
from topcert.methods.ablation import METHOD
from topcert.methods.certify import radii_of
from topcert.methods.method import DesignMethod, SampledMethod
from topcert.methods.registered_methods import all_methods, find_method
from topcert.methods.stay import stay_of_shown
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import FIXED
from topcert.voting.replay import ReplayedMasks


def find_predictor(name: str) -> SampledMethod:
    """The method of that name, if `predict` shows what it certifies: `ablation`, or one of designs.

    Raises ValueError for others.
    """
    found = find_method(name)
    if isinstance(found, DesignMethod) or (
        isinstance(found, SampledMethod) and found.name == METHOD.name
    ):
        return found
    designs = [name for name, other in all_methods().items() if isinstance(other, DesignMethod)]
    raise ValueError(
        f"predict shows what the methods {', '.join([METHOD.name, *designs])} certify, got"
        f" {name}; use certify --label predicted"
    )


def predict_labels(
    ledger: Ledger,
    *,
    k: int,
    alpha: float,
    counts: NDArray[np.int64] | None = None,
    method: SampledMethod = METHOD,
    moves: Sequence[str] | None = None,
) -> Predictions:
    """What the votes of a full ledger show, with all labels that each names; `counts` are read from
    it unless given.

    `moves` is what an attacker may do; None for what is usual of such inputs. Of a method of
    designs alpha is 0. Raises ValueError where the votes are no fixed number of
    those that the method takes (independent ones, for `ablation`), or as `radii_of` does.
    """
    manifest = ledger.manifest
    fits = manifest.noise.name == method.noise and manifest.kind in method.laws
    if not fits or manifest.stopping != FIXED:
        raise ValueError(
            f"{ledger.folder} holds votes under {manifest.noise.name}, law {manifest.law}, stopping"
            f" {manifest.stopping}; predict is for a number of ablated inputs set beforehand, by"
            f" {method.name} under the law {' or '.join(method.laws)}"
        )
    certain = isinstance(method, DesignMethod)
    if certain and alpha:
        raise ValueError(f"of the method {method.name} alpha is 0, got {alpha}")
    counted = ledger.counts() if counts is None else counts
    votes = ReplayedMasks(ledger) if certain else None
    index, _, _ = ledger.read_inputs()
    labels = method.shown(counted, k, votes=votes)
    smoothing = smoothing_of(
        manifest, attacker=choose_attacker(moves, manifest), sizes=ledger.read_sizes()
    )
    radii = radii_of(
        method,
        counted,
        None,
        smoothing=smoothing,
        ks=[k],
        alpha=alpha,
        votes=votes,
    ).radius[:, :, 0]
    return Predictions(
        k=k,
        alpha=alpha,
        unit=manifest.unit,
        names=ledger.read_names(),
        index=index,
        labels=labels,
        votes=np.take_along_axis(counted, labels, axis=1),
        radii=radii,
        stay=stay_of_shown(method, counted, radii, alpha=alpha, smoothing=smoothing),
        num_named=manifest.depth,
        method=method.name,
        attacker=smoothing.attacker,
    )
