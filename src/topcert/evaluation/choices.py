"""What a person leaves open, chosen; what does not fit, refused before any work is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast, get_args

import numpy as np

from topcert.evaluation.results import default_choice
from topcert.methods.certificate_table import LABEL_CHOICES, LabelChoice
from topcert.methods.certify import check_ballots
from topcert.methods.method import DesignMethod, Method, SampledMethod
from topcert.methods.registered_methods import ALIASES, all_methods, find_method
from topcert.noise.law import IID, Noise
from topcert.noise.registered_laws import find_noise
from topcert.randomization.designs import kind_of
from topcert.randomization.lattices import read_strides
from topcert.theory.scalars import real, shown, whole_number
from topcert.theory.stopping_rules import (
    CERTIFIED,
    RULES,
    Stopping,
    StoppingLabel,
    check_question,
)

SELECTION: Final = 100
USUAL_K: Final = 3
SAMPLES: Final = 10_000
MAX_SAMPLES: Final = 100_000


def check_alpha(alpha: float) -> None:
    if not 0.0 < real(alpha, "--alpha") < 1.0:
        raise ValueError(
            f"--alpha must lie in (0, 1), got {alpha}; it is the chance of a wrong certificate,"
            " such as 0.001"
        )


def choose_alpha(alpha: float | None, method: Method, *, usual: float) -> float:
    """The chance of error that was asked for, else the usual one; 0 for certificates of a design,
    which have none.
    """
    if isinstance(method, DesignMethod):
        if alpha is not None:
            raise ValueError(
                f"--alpha is for sampled votes: the method {method.name} leaves nothing to chance;"
                " leave it out"
            )
        return 0.0
    chosen = usual if alpha is None else alpha
    check_alpha(chosen)
    return chosen


def check_design(design: str | None, method: Method) -> None:
    """Refuse a design that the method does not certify, and none where it needs one."""
    laws = method.laws if isinstance(method, DesignMethod) else ()
    if design is not None and not laws:
        named = [name for name, other in all_methods().items() if isinstance(other, DesignMethod)]
        raise ValueError(
            f"--design is for the methods {', '.join(named)}, not for {method.name}; leave it out"
        )
    if laws and (design is None or kind_of(design) not in laws):
        got = "none" if design is None else repr(design)
        raise ValueError(f"the method {method.name} needs --design {' or '.join(laws)}, got {got}")


def check_ks(ks: Sequence[int], num_classes: int) -> None:
    for k in ks:
        if not 1 <= k < num_classes:
            raise ValueError(
                f"--k must lie in 1 .. {num_classes - 1}, one less than the {num_classes} classes;"
                f" got {k}"
            )


def check_ballot(ballot: int, method: Method, num_classes: int | None = None) -> None:
    """Refuse ballots that the method does not certify, and ballots of more labels than there can
    be.
    """
    check_ballots(method, ballot)
    if num_classes is not None and not 1 <= ballot < num_classes:
        raise ValueError(
            f"--ballot must lie in 1 .. {num_classes - 1}, one less than the {num_classes} classes;"
            f" got {ballot}"
        )


def listed_ks(k: Any) -> list[int] | None:
    """One k or several, as a list; None where nothing was asked for. Raises ValueError for what is
    no whole number.
    """
    if k is None:
        return None
    several = isinstance(k, Iterable) and not isinstance(k, (str, bytes, Mapping))
    if not several or np.ndim(k) == 0:
        return [whole_number(k, "k")]
    found = [whole_number(one, "k") for one in k]
    if not found:
        raise ValueError(f"k is {shown(k)}, which asks about no k; give one or several, (1, 3)")
    return found


def choose_ks(ks: Sequence[int] | None, method: str, num_classes: int | None = None) -> list[int]:
    """The top-k that were asked for; else 3, or fewer where the method or the number of classes, if
    known, allows no more.

    Raises ValueError for what these do not allow.
    """
    top_1 = find_method(method).only_top_1 or method in ALIASES
    if ks is None:
        most = 1 if top_1 else USUAL_K
        return [most if num_classes is None else min(most, num_classes - 1)]
    if top_1 and set(ks) != {1}:
        raise ValueError(
            f"--method {method} certifies k = 1 only, got --k {','.join(map(str, ks))}; leave"
            " --k out"
        )
    if num_classes is not None:
        check_ks(ks, num_classes)
    return list(ks)


def choose_selection(selection: int | None, method: Method, label: str | None) -> int:
    """Votes of the first sample: what was asked for, else the 100 of Cohen et al. 2019 where the
    method selects.
    """
    if selection is None:
        return SELECTION if label == "selected" or (method.selects and label is None) else 0
    if selection < 0 or (selection == 0 and label == "selected"):
        raise ValueError(
            f"--selection must be positive to select a label, got {selection}; leave it out for"
            f" {SELECTION}"
        )
    return selection


def choose_samples(samples: int | None, law: str | None, *, usual: int = SAMPLES) -> int:
    """Votes an input: what was asked for; one round of a design with strides; else the usual
    number.
    """
    if samples is not None:
        return samples
    strides = None if law in (None, IID) else read_strides(law)
    return usual if strides is None else strides.round_size


def law_of(method: Method) -> type[Noise]:
    """The law of the noise that the method's votes are drawn under."""
    if not isinstance(method, SampledMethod):
        raise ValueError(f"the method {method.name} does not certify from votes")
    return find_noise(method.noise)


def choose_label(
    label: str | None, method: Method, *, num_selection: int, has_labels: bool
) -> LabelChoice:
    """As the method's authors do, unless --label says otherwise."""
    if label is None:
        return default_choice(method, num_selection, has_labels=has_labels)
    for choice in get_args(LabelChoice):
        if label == choice:
            if choice == "given" and not has_labels:
                raise ValueError(
                    "--label given needs labels (folders of classes, y in an .npz, a column `label`"
                    " in counts), and there are none; add them, or use --label predicted"
                )
            if choice == "selected" and not num_selection:
                raise ValueError(
                    "--label selected needs a first sample that selects, and there is none: run"
                    f" certify with --selection {SELECTION}, or use --label given or predicted"
                )
            return cast("LabelChoice", choice)
    raise ValueError(
        f"--label must be {', '.join(LABEL_CHOICES[:-1])} or {LABEL_CHOICES[-1]}, got {label!r}"
    )


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
    if label not in (None, *CERTIFIED):
        raise ValueError(
            f"--stop certifies labels that are given or selected, got --label {label}; use --label"
            " selected"
        )
    if len(set(ks)) != 1:
        raise ValueError(f"--stop asks about one k, got --k {','.join(map(str, ks))}; choose one")
    if max_samples is not None and max_samples < 1:
        raise ValueError(f"--max-samples must be at least 1, got {max_samples}")
    chosen: StoppingLabel = "selected" if label == "selected" else "given"
    rule = Stopping(
        question=stop, k=ks[0], alpha=alpha, method=method.name, label=chosen, num_named=num_named
    )
    return rule, MAX_SAMPLES if max_samples is None else max_samples
