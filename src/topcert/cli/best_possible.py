"""What can be certified at best, said before a pass is spent: the sentence of `plan`, repeated
where votes are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from topcert.cli.progress import messages
from topcert.evaluation.results import Results, smoothing_of
from topcert.evaluation.wording import best_in_words, setting_in_words
from topcert.methods.certificate_table import LabelChoice
from topcert.methods.method import SampledMethod, Smoothing
from topcert.methods.planning import best_radii, best_radius_of
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.stopping_test import StoppingTest


def print_best(
    method: SampledMethod,
    *,
    smoothing: Smoothing,
    num_classes: int,
    num_samples: int,
    ks: Sequence[int],
    alpha: float,
    label_choice: LabelChoice,
    bounds: str | None = None,
    stopping_test: StoppingTest | None = None,
    only_nothing: bool = False,
) -> None:
    """Print it on standard error, a line for each k; `only_nothing` where votes are there and
    nothing can be certified.

    For a design nothing is printed: its masks decide.
    """
    if stopping_test is None:
        found = best_radii(
            method,
            smoothing=smoothing,
            num_classes=num_classes,
            num_samples=num_samples,
            ks=ks,
            alpha=alpha,
            label_choice=label_choice,
            bounds=bounds,
        )
    else:
        best = best_radius_of(
            stopping_test, smoothing=smoothing, num_classes=num_classes, num_samples=num_samples
        )
        found = {stopping_test.rule.k: best}
    setting = setting_in_words(
        smoothing, num_samples=num_samples, num_classes=num_classes, alpha=alpha
    )
    for k, radius in _shown(found, only_nothing).items():
        line = best_in_words(radius, k=k, unit=smoothing.unit, setting=setting)
        asked = "" if stopping_test is None else stopping_test.rule.question.partition("radius=")[2]
        if asked and int(asked) > radius:
            line += f"; --stop radius={asked} asks for more than any input can have"
        messages.print(line, highlight=False, soft_wrap=True)


def print_where_nothing(results: Results) -> None:
    """The same of certificates that are there, for each k at which nothing could be certified."""
    manifest, made = results.ledger.manifest, results.certificates
    print_best(
        results.method,
        smoothing=smoothing_of(manifest, num_named=made.num_named, attacker=made.attacker),
        num_classes=manifest.num_classes,
        num_samples=manifest.num_samples,
        ks=np.unique(made.k).tolist(),
        alpha=made.alpha,
        label_choice=made.label_choice,
        bounds=made.bounds,
        stopping_test=results.ledger.stopping_test,
        only_nothing=True,
    )


def _shown(found: Mapping[int, int] | None, only_nothing: bool) -> dict[int, int]:
    return {
        k: radius for k, radius in (found or {}).items() if radius == ABSTAIN or not only_nothing
    }
