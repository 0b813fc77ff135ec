"""Checks of options that must fail before any work is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast, get_args

from topcert.evaluation.results import default_choice
from topcert.files import STANDARD_OUTPUT
from topcert.methods.certificates import LABEL_CHOICES, LabelChoice
from topcert.methods.certify import check_ballots
from topcert.methods.method import DesignMethod, Method
from topcert.methods.registry import ALIASES, all_methods, find_method
from topcert.randomization.designs import kind_of
from topcert.voting.request import Noise

SELECTION: Final = 100
USUAL_K: Final = 3
KEPT_IN_A_FOLDER: Final = ("cifar10", "cifar10-held-out", "imagenet", "modelnet40")


def check_alpha(alpha: float) -> None:
    if not 0.0 < alpha < 1.0:
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


def check_out(out: Path | None, *, read: Path) -> None:
    """Refuse to write over what is read: a table, or a file that a run's folder holds."""
    if out is None or not out.is_file() or not read.exists():
        return
    if out.samefile(read) or (read.is_dir() and out.resolve().is_relative_to(read.resolve())):
        raise ValueError(f"--out {out} would write over what {read} holds; name another file")


def check_folder(out: Path) -> None:
    """Refuse an --out that can be no folder, before any work."""
    if out == STANDARD_OUTPUT:
        raise ValueError("--out - is standard output, and this command writes a folder; name one")
    if not out.is_dir() and (out.exists() or out.is_symlink()):
        raise ValueError(f"--out {out} is a file; name a folder")


def check_data_dir(data: str, data_dir: Path | None) -> None:
    """Refuse a folder of a set beside data that lies where its own name says, or is made."""
    if data_dir is not None and data not in KEPT_IN_A_FOLDER:
        sets = f"{', '.join(KEPT_IN_A_FOLDER[:-1])} and {KEPT_IN_A_FOLDER[-1]}"
        raise ValueError(f"--data-dir {data_dir} is for {sets}, and DATA is {data!r}; leave it out")


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


def noise_of(method: Method) -> Noise:
    """The noise that the method's votes are drawn under."""
    for noise in get_args(Noise):
        if noise == method.noise:
            return cast("Noise", noise)
    raise ValueError(f"the method {method.name} does not certify from votes")


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
