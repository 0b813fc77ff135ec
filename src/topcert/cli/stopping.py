"""`certify --stop`: what goes with it, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from topcert.cli.progress import console
from topcert.evaluation.accuracy import floored
from topcert.methods.certificates import Certificates
from topcert.methods.method import Method
from topcert.theory.stopping import LABELS, RULES, Asked, Stopping, check_question
from topcert.voting.manifest import FIXED, Manifest

SAMPLES: Final = 10_000
MAX_SAMPLES: Final = 100_000


def choose_stopping(
    stop: str | None,
    *,
    samples: int | None,
    max_samples: int | None,
    method: Method,
    bounds: str | None,
    ks: Sequence[int],
    alpha: float,
    label: str | None,
    num_named: int = 1,
    usual: int = SAMPLES,
) -> tuple[Stopping | None, int]:
    """The stopping rule, or None, and the number of votes (without --samples `usual`) or its cap.

    Raises ValueError where options do not fit.
    """
    if stop is None:
        if max_samples is not None:
            raise ValueError(
                "--max-samples is the cap of --stop; give a question with --stop, or use --samples"
            )
        return None, usual if samples is None else samples
    check_question(stop)
    if samples is not None:
        raise ValueError(
            "--samples is a number of votes set beforehand; with --stop give the cap as"
            " --max-samples"
        )
    if method.name not in RULES or bounds is not None:
        asked = f"--method {method.name}" if method.name not in RULES else f"--bounds {bounds}"
        raise ValueError(
            f"{asked} needs a number of votes set beforehand; leave it out with --stop, or use"
            " --samples"
        )
    if label not in (None, *LABELS):
        raise ValueError(
            f"--stop certifies labels that are given or selected, got --label {label}; use --label"
            " selected"
        )
    if len(set(ks)) != 1:
        raise ValueError(f"--stop asks about one k, got --k {','.join(map(str, ks))}; choose one")
    if max_samples is not None and max_samples < 1:
        raise ValueError(f"--max-samples must be at least 1, got {max_samples}")
    chosen: Asked = "selected" if label == "selected" else "given"
    rule = Stopping(
        question=stop, k=ks[0], alpha=alpha, method=method.name, label=chosen, num_named=num_named
    )
    return rule, MAX_SAMPLES if max_samples is None else max_samples


def votes_in_words(manifest: Manifest) -> str:
    """How many votes an input has."""
    if manifest.stopping == FIXED:
        return f"n = {manifest.num_samples}"
    return f"n up to {manifest.num_samples}, until {manifest.stopping.partition(';')[0]} is settled"


def print_stopping(certificates: Certificates, manifest: Manifest) -> None:
    """What a stopping rule saved, and left open; nothing without one."""
    if certificates.votes is None or certificates.settled is None:
        return
    inputs, settled = len(certificates.votes), int(certificates.settled.sum())
    spent, full = (
        int(certificates.votes.sum()) + inputs * manifest.num_selection,
        inputs * manifest.num_votes,
    )
    first = f" ({manifest.num_selection} select its label)" if manifest.num_selection else ""
    console.print(
        f"{floored(spent, inputs, 1)} votes an input on average{first}, {floored(full, spent, 1)}"
        f" times fewer than {manifest.num_votes} for all. Settled: {settled} of {inputs}; for"
        f" {inputs - settled} the proven radius stands, and more votes might prove more. What is"
        " proven is wrong with probability at most alpha however long it sampled.",
        highlight=False,
    )
