"""The certificate that is meant where nobody names a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from topcert.methods.method import SampledMethod
from topcert.methods.registered_methods import all_methods
from topcert.noise.law import IID
from topcert.randomization.designs import kind_of

FIRST: Final = ("ablation", "design", "cohen", "lee")  # the plainest of each noise


def usual_method(noise: str, law: str, ks: Sequence[int] | None, *, num_named: int = 1) -> str:
    """The name of the plainest method for votes under that noise and law at these k.

    Each vote names `num_named` labels. Raises ValueError where no method certifies such votes.
    """
    methods = all_methods()
    kind = law if law == IID else kind_of(law)
    for name in (*FIRST, *sorted(methods.keys() - set(FIRST))):
        method = methods.get(name)
        if not isinstance(method, SampledMethod) or method.noise != noise:
            continue
        top_1 = not method.only_top_1 or ks is None or set(ks) == {1}
        if kind in method.laws and top_1 and (num_named == 1 or method.ballots):
            return name
    raise ValueError(
        f"no method certifies votes of {num_named} labels under {noise} noise, law {law}, at k ="
        f" {ks}; choose another k"
    )
