"""What is claimed of the settings that are tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from topcert.api.certified_votes import USUAL_ALPHA
from topcert.evaluation.choices import check_ballot, check_design, choose_alpha
from topcert.evaluation.usual_method import usual_method
from topcert.methods.method import SampledMethod
from topcert.methods.registered_methods import find_sampled_method
from topcert.methods.rules import check_rule
from topcert.noise.ablation import Ablation
from topcert.noise.law import IID, Noise


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


def method_of(claim: Claim, noise: Noise, k: int | None) -> SampledMethod:
    """What certifies votes under that noise.

    Raises ValueError where it does not, or cannot keep to the bounds and alpha.
    """
    method = claim.method or usual_method(noise.name, noise.law, None if k is None else [k])
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
