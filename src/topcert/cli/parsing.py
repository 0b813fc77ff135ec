"""Checks of options that must fail before any work is done."""

from __future__ import annotations

from collections.abc import Sequence

from topcert.methods.certificates import LABEL_CHOICES, LabelChoice


def check_alpha(alpha: float) -> None:
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"--alpha must lie in (0, 1), got {alpha}; it is the chance of a wrong certificate, such as 0.001")


def check_ks(ks: Sequence[int], num_classes: int) -> None:
    for k in ks:
        if not 1 <= k < num_classes:
            raise ValueError(f"--k must lie in 1 .. {num_classes - 1}, one less than the {num_classes} classes; got {k}")


def choose_label(label: str | None, *, has_labels: bool) -> LabelChoice:
    """Given labels where there are any, unless --label says otherwise."""
    if label is None:
        return "given" if has_labels else "predicted"
    if label not in LABEL_CHOICES:
        raise ValueError(f"--label must be given or predicted, got {label!r}")
    if label == "given" and not has_labels:
        raise ValueError(
            "--label given needs labels (y in an .npz, a column `label` in counts), and there are none; "
            "add them, or use --label predicted"
        )
    return "given" if label == "given" else "predicted"
