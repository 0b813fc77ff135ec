"""What a run's folder holds beside its votes: counts, certificates and accuracy, all derived from
the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from topcert.evaluation.accuracy import AccuracyCurve, accuracy_curves, write_accuracy
from topcert.evaluation.counts import mark_of, write_counts
from topcert.evaluation.stopped_results import certify_stopped
from topcert.methods.certificate_table import CertificateTable, LabelChoice
from topcert.methods.certify import certify
from topcert.methods.method import DesignMethod, MaskMethod, Method, SampledMethod, Smoothing
from topcert.methods.registered_methods import find_sampled_method
from topcert.modalities.registered_modalities import plural_of
from topcert.theory.attacker import Attacker
from topcert.theory.evidence_rules import VoteDetails
from topcert.voting.given_names import Names
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import Manifest
from topcert.voting.replay import ReplayedMasks, check_depth


@final
@dataclass(frozen=True, kw_only=True)
class Results:
    """All that follows from a full ledger and (method, bounds, ks, alpha, label_choice,
    num_named).
    """

    ledger: Ledger
    method: SampledMethod
    index: NDArray[np.int64]
    labels: NDArray[np.int64] | None
    counts: NDArray[np.int64]
    certificates: CertificateTable
    curves: list[AccuracyCurve]
    names: Names

    def moved(self, folder: Path) -> Results:
        """The same of a copy of the ledger in another folder."""
        return replace(self, ledger=Ledger.open(folder))


def derive(
    ledger: Ledger,
    *,
    method: str = "ablation",
    ks: Sequence[int],
    alpha: float,
    label_choice: LabelChoice | None = None,
    counts: NDArray[np.int64] | None = None,
    bounds: str | None = None,
    first: int | None = None,
    num_named: int | None = None,
    moves: Sequence[str] | None = None,
    on_pairs: Callable[[int, int], None] | None = None,
) -> Results:
    """Certificates and curves of a full ledger by the method of that name.

    `label_choice` None takes selected labels where the method selects and the ledger has a first
    sample, else given ones where there are any. `bounds` None takes the method's own.

    A ledger with a stopping rule has certificates of its own, for the k, alpha and labels of the
    rule.

    `counts` int `(inputs, classes)` are read from the ledger unless given. With `first`, the votes
    are the first so many of each input: what a run of so many samples would have had. `num_named`:
    only so many labels of each vote count, the best; None takes all. `moves`: what an attacker may
    do; None for what is usual of such inputs. `on_pairs(done, total)` is
    called with how many inputs pairs of features are counted, by `located` alone, as that takes a
    while. Raises ValueError where the ledger is incomplete or damaged, or a parameter is out of
    range.
    """
    manifest, certifier = ledger.manifest, find_sampled_method(method)
    if manifest.kind not in certifier.laws:
        raise ValueError(
            f"the method {certifier.name} needs the law {' or '.join(certifier.laws)}; this ledger"
            f" has {manifest.law}"
        )
    index, labels, _ = ledger.read_inputs()
    named = check_depth(num_named, manifest)
    attacker = choose_attacker(moves, manifest)
    if ledger.stopping_test is not None and not attacker.rewrites_alone:
        raise ValueError(
            f"{ledger.folder} was sampled under a stopping rule, which is about attackers who"
            f" rewrite, got --moves {','.join(attacker.moves)}; leave it out"
        )
    if ledger.stopping_test is not None and named != manifest.depth:
        raise ValueError(
            f"{ledger.folder} was sampled under a stopping rule for --ballot {manifest.depth}, got"
            f" --ballot {named}; leave --ballot out, or choose another --out"
        )
    votes = ledger.counts(first=first, num_named=named) if counts is None else counts
    if ledger.stopping_test is not None:
        certificates = certify_stopped(
            ledger.stopping_test,
            votes,
            details=_vote_details(ledger, whole=counts is None),
            labels=ledger.asked_labels()[:, 0],
            index=index,
            unit=manifest.unit,
            method=certifier.name,
            bounds=bounds,
            ks=ks,
            alpha=alpha,
            label_choice=label_choice or ledger.stopping_test.rule.one_label,
            num_named=named,
        )
    else:
        needs_masks = (
            isinstance(certifier, (MaskMethod, DesignMethod))
            and certifier.noise == manifest.noise.name
        )
        certificates = certify(
            certifier,
            votes,
            smoothing=smoothing_of(
                manifest,
                num_named=named,
                attacker=attacker,
                sizes=ledger.read_sizes(),
            ),
            labels=labels,
            selection=ledger.selection_counts(num_named=named),
            label_choice=label_choice
            or default_choice(certifier, manifest.num_selection, has_labels=labels is not None),
            ks=ks,
            alpha=alpha,
            index=index,
            bounds=bounds,
            votes=(
                ReplayedMasks(ledger, first=first, num_named=named, on_pairs=on_pairs)
                if needs_masks
                else None
            ),
        )
    names = ledger.read_names()
    by_index = (
        None if names.inputs is None else dict(zip(index.tolist(), names.inputs, strict=True))
    )
    truth = None if labels is None else dict(zip(index.tolist(), labels.tolist(), strict=True))
    return Results(
        ledger=ledger,
        method=certifier,
        index=index,
        labels=labels,
        counts=votes,
        certificates=certificates.named(by_index, names.classes),
        curves=accuracy_curves(certificates, truth),
        names=names,
    )


def _vote_details(
    ledger: Ledger, *, whole: bool
) -> Iterator[tuple[NDArray[np.int64], VoteDetails]]:
    """What a stopping rule asks beside counts; where these were given, it must ask for nothing."""
    if whole:
        yield from ledger.vote_details()
    elif ledger.stopping_test is not None and ledger.stopping_test.needs_votes:
        raise ValueError(
            f"{ledger.folder} was sampled under a rule that asks for masks or ballots: counts alone"
            " will not do"
        )
    else:
        yield np.arange(ledger.manifest.num_inputs), None


def default_choice(method: Method, num_selection: int, *, has_labels: bool) -> LabelChoice:
    """As the method's authors do, where the votes allow it; else given labels, else predicted
    ones.
    """
    if method.selects and num_selection:
        return "selected"
    return "given" if has_labels else "predicted"


def choose_attacker(moves: Sequence[str] | None, manifest: Manifest) -> Attacker:
    """What an attacker may do: what is asked for, or what is usual of such inputs.

    Raises ValueError where no certificate of such inputs is about it.
    """
    modality = manifest.form.modality
    if moves is None:
        return modality.attacker
    asked = Attacker(moves=tuple(moves))
    if not set(asked.moves) <= set(modality.moves):
        raise ValueError(
            f"--moves must be some of {','.join(modality.moves)}, what an attacker may do"
            f" to {plural_of(manifest.unit)}; got {','.join(asked.moves)}"
        )
    return asked


def smoothing_of(
    manifest: Manifest,
    *,
    num_named: int | None = None,
    attacker: Attacker | None = None,
    sizes: NDArray[np.int64] | None = None,
) -> Smoothing:
    """What the votes of a ledger were drawn under; of each, `num_named` labels count, all where
    that is None. `attacker` None is the usual one of such inputs. `sizes` are those of
    `Ledger.read_sizes`.
    """
    return Smoothing(
        noise=manifest.noise,
        unit=manifest.unit,
        num_features=manifest.num_features,
        channels=manifest.form.width // manifest.num_features,
        law_error=manifest.noise.law_error(manifest.form.width),
        num_named=check_depth(num_named, manifest),
        attacker=manifest.form.modality.attacker if attacker is None else attacker,
        sizes=sizes,
    )


def parameters_of(certificates: CertificateTable, manifest_digest: str) -> dict[str, str]:
    """The metadata of certificates.parquet: what they were derived with, and from which votes."""
    asked: dict[str, Any] = {
        "ks": np.unique(certificates.k).tolist(),
        "alpha": certificates.alpha,
        "label_choice": certificates.label_choice,
        "method": certificates.method,
    }
    if certificates.bounds is not None:
        asked["bounds"] = certificates.bounds
    if certificates.num_named > 1:
        asked["num_named"] = certificates.num_named
    if not certificates.attacker.rewrites_alone:
        asked["moves"] = list(certificates.attacker.moves)
    return {"parameters": json.dumps(asked, sort_keys=True), "manifest": manifest_digest}


def write_results(results: Results) -> None:
    """Write counts.csv, certificates.parquet and accuracy.csv into the ledger's folder, each whole
    or not at all.
    """
    folder = results.ledger.folder
    mark = mark_of(results.ledger.manifest)
    write_counts(
        results.counts,
        results.labels,
        folder / "counts.csv",
        mark=mark,
        names=results.names,
        num_named=results.certificates.num_named,
    )
    metadata = parameters_of(results.certificates, results.ledger.manifest.digest())
    results.certificates.write(folder / "certificates.parquet", metadata=metadata)
    write_accuracy(results.curves, folder / "accuracy.csv")
