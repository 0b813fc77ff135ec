"""Certificates of the votes of a ledger, every choice made that a person leaves open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from topcert.evaluation.choices import choose_alpha, choose_ks, choose_label, listed_ks
from topcert.evaluation.results import Results, derive
from topcert.evaluation.usual_method import usual_method
from topcert.methods.certificate_table import LabelChoice
from topcert.methods.registered_methods import find_sampled_method
from topcert.methods.rules import check_rule
from topcert.theory.scalars import whole_number
from topcert.voting.ledger import Ledger

USUAL_ALPHA: Final = 0.001


def certified(
    ledger: Ledger,
    *,
    method: str | None,
    k: int | Sequence[int] | None,
    alpha: float | None,
    label_choice: LabelChoice | None,
    usual_choice: LabelChoice | None,
    bounds: str | None,
    num_named: int | None,
    moves: Sequence[str] | None = None,
    on_pairs: Callable[[int, int], None],
) -> Results:
    """What `Votes.certify` is asked for; `usual_choice` is what was said when votes were cast.

    Votes that were drawn under a stopping rule were drawn for its k, alpha, method and labels.
    Raises ValueError where the method does not fit the noise, k or the labels.
    """
    manifest, rule = ledger.manifest, None
    if ledger.stopping_test is not None:
        rule = ledger.stopping_test.rule
    ks = listed_ks(k)
    if rule is not None:  # it was made for one of each
        method = rule.method if method is None else method
        ks = [rule.k] if ks is None else ks
        alpha = rule.alpha if alpha is None else alpha
        label_choice = label_choice or rule.one_label
    if method is None:
        named = num_named or manifest.depth
        method = usual_method(manifest.noise.name, manifest.law, ks, num_named=named)
    certifier = find_sampled_method(method)
    return derive(
        ledger,
        method=method,
        bounds=check_rule(certifier, bounds) if rule is None else bounds,
        ks=choose_ks(ks, method, manifest.num_classes),
        alpha=choose_alpha(alpha, certifier, usual=USUAL_ALPHA),
        label_choice=choose_label(
            label_choice or usual_choice,
            certifier,
            num_selection=manifest.num_selection,
            has_labels=ledger.read_inputs().labels is not None,
        ),
        num_named=None if num_named is None else whole_number(num_named, "num_named"),
        moves=moves,
        on_pairs=on_pairs,
    )
