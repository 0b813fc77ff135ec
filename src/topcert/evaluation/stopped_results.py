"""Certificates of a ledger that was filled under a stopping rule: only the evidence of that rule
may read it.

A bound for a number of votes that was set beforehand would be wrong more often than it says, for
votes stop where they look good.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from topcert.methods.certificate_table import CertificateTable, LabelChoice
from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.evidence_rules import VoteDetails
from topcert.theory.stopping_test import StoppingTest

BOUNDS: Final = "anytime"


def certify_stopped(
    stopping_test: StoppingTest,
    counts: NDArray[np.int64],
    *,
    details: Iterable[tuple[NDArray[np.int64], VoteDetails]],
    labels: NDArray[np.int64],
    index: NDArray[np.int64],
    unit: str,
    method: str,
    bounds: str | None,
    ks: Sequence[int],
    alpha: float,
    label_choice: LabelChoice,
    num_named: int = 1,
) -> CertificateTable:
    """Certificates from the counts `(inputs, classes)` at which inputs stopped.

    Each vote names `num_named` labels. `details`: positions of inputs and what the rule asks of
    their votes beside counts, until all inputs had their turn. Raises ValueError for everything
    that the rule was not made for: another method, other bounds, k, alpha or label choice.
    """
    rule = stopping_test.rule
    if method != rule.method or bounds not in (None, BOUNDS):
        asked = method if bounds in (None, BOUNDS) else f"{method} with {bounds} bounds"
        raise ValueError(
            f"this ledger was sampled under the stopping rule {rule.question} of {rule.method},"
            f" which {asked} may not read: its bounds are for a number of votes set beforehand;"
            " leave --method and --bounds out, or certify with --samples"
        )
    wanted = (
        ("--k", sorted(set(ks)), [rule.k]),
        ("--alpha", alpha, rule.alpha),
        ("--label", label_choice, rule.label),
    )
    for option, given, needed in wanted:
        if given != needed:
            shown, got = (
                " ".join(map(str, value)) if isinstance(value, list) else value
                for value in (needed, given)
            )
            raise ValueError(
                f"this ledger was sampled under a stopping rule for {option} {shown}, got {got};"
                f" leave {option} out, or choose another --out"
            )
    radius, settled = np.full(len(index), ABSTAIN), np.zeros(len(index), np.bool_)
    for rows, of_rows in details:
        radius[rows] = stopping_test.proven(counts[rows], labels[rows], of_rows)
        settled[rows] = stopping_test.settled(counts[rows], labels[rows], of_rows)
    return CertificateTable(
        index=index,
        label=labels,
        k=np.full(len(index), rule.k),
        radius=radius,
        unit=unit,
        method=rule.method,
        alpha=rule.alpha,
        label_choice=label_choice,
        bounds=BOUNDS,
        num_named=num_named,
        votes=counts.sum(axis=1) // num_named,
        settled=settled,
    )
