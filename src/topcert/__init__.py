"""Certified robustness of top-k predictions against l0 attacks, for any classifier."""

from topcert.noise.ablation import Ablation
from topcert.noise.discrete import Discrete
from topcert.noise.gaussian import Gaussian
from topcert.theory.confidence import simultaneous_bounds
from topcert.theory.counting import Survival, survival
from topcert.theory.intersection import intersection_union_bounds
from topcert.theory.radius import ABSTAIN, certified_radius
from topcert.theory.witness import TightnessWitness, tightness_witness
from topcert.version import __version__
from topcert.voting.arrays import count_votes

__all__ = [
    "ABSTAIN",
    "Ablation",
    "Discrete",
    "Gaussian",
    "Survival",
    "TightnessWitness",
    "__version__",
    "certified_radius",
    "count_votes",
    "intersection_union_bounds",
    "simultaneous_bounds",
    "survival",
    "tightness_witness",
]
