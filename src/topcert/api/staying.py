"""How many labels of a set stay, from the votes of a ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topcert.api.certified_votes import USUAL_ALPHA
from topcert.evaluation.choices import choose_alpha, choose_ks
from topcert.evaluation.results import choose_attacker, smoothing_of
from topcert.methods.ablation import METHOD
from topcert.methods.stay import stay_radii
from topcert.theory.ranking import most_voted
from topcert.theory.scalars import shown, whole_number
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import FIXED

CHOICES: Final = ("predicted", "selected")


def stay_of_votes(
    ledger: Ledger,
    counts: NDArray[np.int64],
    sets: ArrayLike | str,
    *,
    k: int | None,
    alpha: float | None,
    bounds: str | None,
    moves: Sequence[str] | None = None,
) -> NDArray[np.int64]:
    """What `Votes.stay_radii` is asked for; `counts` are those of the ledger."""
    manifest = ledger.manifest
    fits = manifest.noise.name == METHOD.noise and manifest.kind in METHOD.laws
    if not fits or manifest.stopping != FIXED:
        raise ValueError(
            f"{ledger.folder} holds votes under {manifest.noise.name}, law {manifest.law}, stopping"
            f" {manifest.stopping}; how many labels stay is certified of a number of ablated inputs"
            " set beforehand, with independent masks"
        )
    one = None if k is None else [whole_number(k, "k")]
    (size,) = choose_ks(one, METHOD.name, manifest.num_classes)
    return stay_radii(
        METHOD,
        counts,
        _chosen(ledger, sets, k=size),
        k=size,
        alpha=choose_alpha(alpha, METHOD, usual=USUAL_ALPHA),
        smoothing=smoothing_of(
            manifest, attacker=choose_attacker(moves, manifest), sizes=ledger.read_sizes()
        ),
        bounds=bounds,
    )


def _chosen(ledger: Ledger, sets: Any, *, k: int) -> NDArray[np.int64] | None:
    """The sets, as they were named or selected; None where the votes themselves pick them."""
    if not isinstance(sets, str):
        return np.asarray(sets)
    if sets not in CHOICES:
        raise ValueError(
            f"sets must be labels of each input, int (inputs, labels), or one of"
            f" {', '.join(CHOICES)}; got {shown(sets)}"
        )
    if sets == "predicted":
        return None
    first = ledger.selection_counts()
    if first is None:
        raise ValueError(
            "selected sets need a first sample that chooses them: vote with num_selection=100, or"
            ' take sets="predicted"'
        )
    return most_voted(first, k)
