"""Certified robustness of top-k predictions against l0 attacks, for any classifier."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from topcert.noise.ablation import Ablation
from topcert.noise.discrete import Discrete
from topcert.noise.gaussian import Gaussian
from topcert.theory.confidence import simultaneous_bounds
from topcert.theory.counting import Survival, survival
from topcert.theory.intersection import intersection_union_bounds
from topcert.theory.radius import ABSTAIN, certified_radius
from topcert.theory.stopping import Stopping
from topcert.theory.witness import TightnessWitness, tightness_witness
from topcert.version import __version__
from topcert.voting.arrays import count_votes

if TYPE_CHECKING:
    from topcert.ablating import ablate
    from topcert.certified import Certificates
    from topcert.counted import certify_counts
    from topcert.curves import Accuracy, compare
    from topcert.datasets.casting import RowCast
    from topcert.datasets.raw import RawInput
    from topcert.datasets.reading import Reading
    from topcert.evaluation.predictions import Predictions
    from topcert.planned import Plan, plan
    from topcert.smoothed import SmoothedClassifier
    from topcert.tuned import Tuned, tune
    from topcert.verified import Verification, verify
    from topcert.votes import Votes, open_votes
    from topcert.weighed import certify_network

__all__ = [
    "ABSTAIN",
    "Ablation",
    "Accuracy",
    "Certificates",
    "Discrete",
    "Gaussian",
    "Plan",
    "Predictions",
    "RawInput",
    "Reading",
    "RowCast",
    "SmoothedClassifier",
    "Stopping",
    "Survival",
    "TightnessWitness",
    "Tuned",
    "Verification",
    "Votes",
    "__version__",
    "ablate",
    "certified_radius",
    "certify_counts",
    "certify_network",
    "compare",
    "count_votes",
    "intersection_union_bounds",
    "open_votes",
    "plan",
    "simultaneous_bounds",
    "survival",
    "tightness_witness",
    "tune",
    "verify",
]

# Where to find what is imported when it is first asked for: it reads and writes files, which a
# person who only wants a bound need not wait for.
_LATER = {
    "Accuracy": "topcert.curves",
    "Certificates": "topcert.certified",
    "Plan": "topcert.planned",
    "Predictions": "topcert.evaluation.predictions",
    "RawInput": "topcert.datasets.raw",
    "Reading": "topcert.datasets.reading",
    "RowCast": "topcert.datasets.casting",
    "SmoothedClassifier": "topcert.smoothed",
    "Tuned": "topcert.tuned",
    "Verification": "topcert.verified",
    "Votes": "topcert.votes",
    "ablate": "topcert.ablating",
    "certify_counts": "topcert.counted",
    "certify_network": "topcert.weighed",
    "compare": "topcert.curves",
    "open_votes": "topcert.votes",
    "plan": "topcert.planned",
    "tune": "topcert.tuned",
    "verify": "topcert.verified",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'topcert' has no attribute {name!r}")
    found = getattr(import_module(_LATER[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
