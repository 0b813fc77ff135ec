"""The certificate that is meant where votes are there and nobody names a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from topcert.methods.method import SampledMethod
from topcert.methods.registry import all_methods
from topcert.voting.manifest import Manifest

FIRST: Final = ("ablation", "design", "cohen", "lee")  # the plainest of each noise


def usual_method(manifest: Manifest, ks: Sequence[int] | None) -> str:
    """The name of the plainest method that certifies such votes at these k.

    Raises ValueError where no method does.
    """
    names = [*FIRST, *sorted(all_methods().keys() - set(FIRST))]
    for name in names:
        method = all_methods().get(name)
        if not isinstance(method, SampledMethod) or method.noise != manifest.noise:
            continue
        fits = manifest.depth == 1 or method.ballots
        if (
            manifest.kind in method.laws
            and fits
            and not (method.only_top_1 and ks is not None and set(ks) != {1})
        ):
            return name
    raise ValueError(
        f"no method certifies votes under {manifest.noise} noise, law {manifest.law}, at k ="
        f" {ks}; choose another k"
    )
