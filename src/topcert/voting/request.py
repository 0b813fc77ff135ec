"""A run as a person asks for it: data and model loaded, every choice made, and refused where things
do not fit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from topcert.classifiers.model_in_memory import ModelInMemory
from topcert.classifiers.torch_options import TorchOptions
from topcert.datasets.class_order import Unmatched
from topcert.datasets.data_in_memory import DataInMemory
from topcert.datasets.reading import Reading
from topcert.noise.law import Noise
from topcert.theory.stopping_rules import Stopping


@final
@dataclass(frozen=True, kw_only=True)
class Request:
    """A run as a person asks for it; None means: chosen for them."""

    data: str
    model: str
    num_samples: int
    noise: Noise
    num_selection: int = 0
    seed: int = 0
    unit: str | None = None
    reading: Reading = field(default_factory=Reading)
    unmatched: Unmatched = "refuse"  # labels of classes that cannot be matched to the model's
    device: str = "auto"
    num_classes: int | None = None
    output: str | None = None  # of a model with several, which is the answer
    num_named: int = 1  # labels that each ballot names, ranked
    torch_options: TorchOptions | None = None  # how a torch module is run
    batch_size: int | None = None
    threads: int | None = None  # of a model on a CPU, where its answers depend on them
    stopping: Stopping | None = None  # then `num_samples` is the cap
    # labels out of range; else they count as `UNDEFINED_LABEL`: inputs may be an attacker's
    refuse_labels: bool = True
    # what stands in the place of that which `data` and `model` name
    data_in_memory: DataInMemory | None = None
    model_in_memory: ModelInMemory | None = None
