"""Certified robustness of top-k predictions against l0 attacks, for any classifier."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from topcert.noise.ablation import Ablation
from topcert.noise.discrete import Discrete
from topcert.noise.gaussian import Gaussian
from topcert.theory.attacker import Attacker
from topcert.theory.certified_radius import ABSTAIN, certified_radius
from topcert.theory.confidence import simultaneous_bounds
from topcert.theory.counting import Survival, survival
from topcert.theory.edit_radius import edit_radius
from topcert.theory.intersection import intersection_union_bounds
from topcert.theory.stay_radius import stay_radius
from topcert.theory.stopping_rules import Stopping
from topcert.theory.witness import TightnessWitness, tightness_witness
from topcert.version import __version__

if TYPE_CHECKING:
    from topcert.api.ablate import ablate
    from topcert.api.accuracy_curves import Accuracy
    from topcert.api.certificates import Certificates
    from topcert.api.certify_counts import certify_counts
    from topcert.api.certify_network import certify_network
    from topcert.api.claim import Claim
    from topcert.api.comparison import compare
    from topcert.api.cost import Cost
    from topcert.api.count_votes import count_votes
    from topcert.api.demo import Demo, demo
    from topcert.api.evaluate import evaluate
    from topcert.api.merge import merge
    from topcert.api.open_votes import open_votes
    from topcert.api.plan import Plan, plan
    from topcert.api.read_counts import read_counts
    from topcert.api.smoothed_classifier import SmoothedClassifier
    from topcert.api.train_network import train_network
    from topcert.api.trained_network import Trained
    from topcert.api.training_noise import TrainingNoise
    from topcert.api.training_recipe import Recipe, Teaching
    from topcert.api.tune import tune
    from topcert.api.tuned import Tuned
    from topcert.api.verification import Verification
    from topcert.api.verify import verify
    from topcert.api.votes import Votes
    from topcert.classifiers.torch_options import TorchOptions
    from topcert.datasets.casting import RowCast
    from topcert.datasets.reading import Reading
    from topcert.datasets.records import Records
    from topcert.evaluation.given_counts import Counts
    from topcert.evaluation.predictions import Predictions
    from topcert.modalities.raw_input import RawInput
    from topcert.voting.executors.in_process import InProcess
    from topcert.voting.executors.processes import Processes
    from topcert.voting.executors.ray_cluster import Ray

__all__ = [
    "ABSTAIN",
    "Ablation",
    "Accuracy",
    "Attacker",
    "Certificates",
    "Claim",
    "Cost",
    "Counts",
    "Demo",
    "Discrete",
    "Gaussian",
    "InProcess",
    "Plan",
    "Predictions",
    "Processes",
    "RawInput",
    "Ray",
    "Reading",
    "Recipe",
    "Records",
    "RowCast",
    "SmoothedClassifier",
    "Stopping",
    "Survival",
    "Teaching",
    "TightnessWitness",
    "TorchOptions",
    "Trained",
    "TrainingNoise",
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
    "demo",
    "edit_radius",
    "evaluate",
    "intersection_union_bounds",
    "merge",
    "open_votes",
    "plan",
    "read_counts",
    "simultaneous_bounds",
    "stay_radius",
    "survival",
    "tightness_witness",
    "train_network",
    "tune",
    "verify",
]

# Where to find what is imported when it is first asked for: it reads and writes files, which a
# person who only wants a bound need not wait for.
_LATER = {
    "Accuracy": "topcert.api.accuracy_curves",
    "Certificates": "topcert.api.certificates",
    "Claim": "topcert.api.claim",
    "Cost": "topcert.api.cost",
    "Counts": "topcert.evaluation.given_counts",
    "Demo": "topcert.api.demo",
    "InProcess": "topcert.voting.executors.in_process",
    "Plan": "topcert.api.plan",
    "Predictions": "topcert.evaluation.predictions",
    "Processes": "topcert.voting.executors.processes",
    "RawInput": "topcert.modalities.raw_input",
    "Ray": "topcert.voting.executors.ray_cluster",
    "Reading": "topcert.datasets.reading",
    "Records": "topcert.datasets.records",
    "Recipe": "topcert.api.training_recipe",
    "RowCast": "topcert.datasets.casting",
    "SmoothedClassifier": "topcert.api.smoothed_classifier",
    "Teaching": "topcert.api.training_recipe",
    "TorchOptions": "topcert.classifiers.torch_options",
    "Trained": "topcert.api.trained_network",
    "TrainingNoise": "topcert.api.training_noise",
    "Tuned": "topcert.api.tuned",
    "Verification": "topcert.api.verification",
    "Votes": "topcert.api.votes",
    "ablate": "topcert.api.ablate",
    "certify_counts": "topcert.api.certify_counts",
    "certify_network": "topcert.api.certify_network",
    "compare": "topcert.api.comparison",
    "count_votes": "topcert.api.count_votes",
    "demo": "topcert.api.demo",
    "evaluate": "topcert.api.evaluate",
    "merge": "topcert.api.merge",
    "open_votes": "topcert.api.open_votes",
    "plan": "topcert.api.plan",
    "read_counts": "topcert.api.read_counts",
    "train_network": "topcert.api.train_network",
    "tune": "topcert.api.tune",
    "verify": "topcert.api.verify",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'topcert' has no attribute {name!r}")
    found = getattr(import_module(_LATER[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
