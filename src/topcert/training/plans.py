"""How a network is trained: the plan, and the usual one of each network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from topcert.training.augmentation import Augmentation, ShiftAndMirror, WarpAndTint
from topcert.training.distillation import Distillation
from topcert.training.noise import AblationNoise, Noise
from topcert.training.optimization import Algorithm, Schedule
from topcert.training.points import RotateAndJitter
from topcert.training.precision import Precision

USUAL_AUGMENTATION: Final = ShiftAndMirror()
EASED: Final = 0.6  # of the training, over which masks come down from `num_kept_at_first`


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """All that decides the trained weights, beside the data and the network.

    `average` is the decay a step of the exponential average of the weights, 0 for none: what is
    tested and exported is the average. Under `bfloat16` weights stay float32 and the forward and
    backward passes are mixed. With `num_kept_at_first` a training under `AblationNoise` begins with
    masks that keep so many, and comes down to those of `noise` evenly; raises ValueError under
    another noise, or where that is fewer than `noise` keeps. With `distillation` a teacher's soft
    labels join the loss. The last `held_out` training inputs are left out, for choices that the
    test set must not make. Each augmented input is shown `views` times in one batch, under noises
    of its own (Hoffer et al. 2020, "Augment your batch"): a teacher, which sees the input alone, is
    asked once for all of them. Raises ValueError where `views` does not divide `batch_size`.
    """

    noise: Noise
    num_kept_at_first: int | None = None
    augmentation: Augmentation = USUAL_AUGMENTATION
    epochs: int = 40
    batch_size: int = 256
    algorithm: Algorithm = "sgd"
    schedule: Schedule = "one-cycle"
    learning_rate: float = 0.2
    weight_decay: float = 5e-4
    label_smoothing: float = 0.05
    warmup: float = 0.2
    average: float = 0.0
    precision: Precision = "float32"
    seed: int = 0
    distillation: Distillation | None = None
    held_out: int = 0
    views: int = 1

    def __post_init__(self) -> None:
        if self.views < 1 or self.batch_size % self.views:
            raise ValueError(
                f"the batch size, {self.batch_size}, must be a multiple of its views, how often"
                f" each input is shown; got {self.views}"
            )
        if self.num_kept_at_first is None:
            return
        if not isinstance(self.noise, AblationNoise):
            raise ValueError(
                "num_kept_at_first is for AblationNoise; leave it out with"
                f" {type(self.noise).__name__}"
            )
        if self.num_kept_at_first < self.noise.num_kept:
            raise ValueError(
                f"num_kept_at_first must be at least the {self.noise.num_kept} that are kept at"
                f" last; got {self.num_kept_at_first}"
            )

    def noise_at(self, progress: float) -> Noise:
        """The noise of a step; `progress` runs from 0 to 1 over the training."""
        if self.num_kept_at_first is None or not isinstance(self.noise, AblationNoise):
            return self.noise
        last = self.noise.num_kept
        easier = (self.num_kept_at_first - last) * max(0.0, 1 - progress / EASED)
        return replace(self.noise, num_kept=last + round(easier))


def usual_plan(network: str, noise: Noise, *, data: str = "cifar10") -> TrainingPlan:
    """The recipe of a network under a noise on `data`; change parts of it with
    `dataclasses.replace`.
    """
    # a loss that resists: what helps against overfitting only hurts there
    if noise.law == "interval":
        return TrainingPlan(
            noise=noise,
            augmentation=ShiftAndMirror(max_shift=0),
            learning_rate=0.05,
            weight_decay=0.0,
            label_smoothing=0.0,
        )
    if network in ("resnet18", "resnet110"):  # Cohen et al. 2019, whose ResNet-110 the paper trains
        return TrainingPlan(
            noise=noise,
            augmentation=ShiftAndMirror(max_shift=4),
            epochs=90,
            schedule="steps",
            learning_rate=0.1,
            weight_decay=1e-4,
            label_smoothing=0.0,
        )
    # as its authors train it, but for batch and schedule; surfaces lie in any pose
    if network == "pointnet":
        generated = data == "surfaces"
        return TrainingPlan(
            noise=noise,
            augmentation=RotateAndJitter(around="any" if generated else "up"),
            epochs=40 if generated else 250,
            batch_size=64,
            algorithm="adam",
            learning_rate=1e-3,
            weight_decay=0.0,
            label_smoothing=0.0,
        )
    if network == "compact":
        return TrainingPlan(
            noise=noise,
            augmentation=WarpAndTint(),
            epochs=120,
            batch_size=512,
            algorithm="muon",
            learning_rate=0.3,
            average=0.998,
            precision="bfloat16",
        )
    if network == "whole":
        return TrainingPlan(
            noise=noise,
            augmentation=WarpAndTint(),
            epochs=10,
            batch_size=512,
            algorithm="muon-float32",
            learning_rate=0.3,
            average=0.995,
        )
    if network == "lattice":
        return TrainingPlan(
            noise=noise,
            augmentation=WarpAndTint(),
            epochs=40,
            batch_size=512,
            algorithm="muon-float32",
            learning_rate=0.3,
            warmup=0.15,
            average=0.998,
        )
    return TrainingPlan(noise=noise)
