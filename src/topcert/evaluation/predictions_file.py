"""predictions.csv of a folder: compared with what its votes give, and made again."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topcert.evaluation.predicting import find_predictor, predict_labels
from topcert.evaluation.prediction_rows import MOVES, WHOLE_INPUT, rows_of_releases
from topcert.evaluation.predictions import FILE, Predictions
from topcert.files import first_line
from topcert.methods.ablation import METHOD
from topcert.theory.attacker import REWRITE
from topcert.voting.ledger import Ledger


def check_predictions(ledger: Ledger, counts: NDArray[np.int64]) -> list[str]:
    """A finding where predictions.csv is there and is not what the votes show for its own k and
    alpha.
    """
    path = ledger.folder / FILE
    if not path.exists():
        return []
    rows = _read(path)
    again = _same_setting(ledger, rows, counts)
    if again is not None and rows in rows_of_releases(again):
        return []
    return [f"{FILE} is not what the votes show"]


def alpha_of_predictions(folder: Path) -> str | None:
    """The alpha that predictions.csv of a folder says, as it stands there; None where there is no
    such file or alpha.
    """
    path = folder / FILE
    rows = _read(path) if path.is_file() else []
    if len(rows) < 2 or "alpha" not in rows[0]:
        return None
    place = rows[0].index("alpha")
    return rows[1][place] if place < len(rows[1]) else None


def keep_predictions(made: Predictions, folder: Path) -> None:
    """Write predictions.csv into a folder, unless it is there and says the same, in the form of an
    earlier release perhaps.
    """
    path = folder / FILE
    try:
        same = path.is_file() and _read(path) in rows_of_releases(made)
    except ValueError:  # it is damaged
        same = False
    if not same:
        made.write(folder)


def renew_predictions(ledger: Ledger, counts: NDArray[np.int64]) -> None:
    """Write predictions.csv again where it is there, for its own k and alpha: the ledger may have
    more inputs now.
    """
    path = ledger.folder / FILE
    if path.is_file():
        again = _same_setting(ledger, _read(path), counts)
        if again is not None:
            keep_predictions(again, ledger.folder)


def _read(path: Path) -> list[list[str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"{path} is damaged ({first_line(error)}); predict --resume writes it again"
        ) from error


def _same_setting(
    ledger: Ledger, rows: list[list[str]], counts: NDArray[np.int64]
) -> Predictions | None:
    """What the votes show for the k and alpha of these rows; None where they name none."""
    try:
        header, *lines = rows
        rank, alpha = header.index("rank"), header.index("alpha")
        named = lines[0][header.index("method")] if "method" in header else METHOD.name
        method = find_predictor(named)
        moves = lines[0][header.index(MOVES)] if MOVES in header else REWRITE
        ranks = [int(line[rank]) for line in lines if line[rank] != WHOLE_INPUT]
        most = counts.shape[1] - 1
        # where 0.1.0 abstained on all inputs, it gave no k
        for k in [max(ranks)] if ranks else range(1, most + 1):
            found = predict_labels(
                ledger,
                k=k,
                alpha=float(lines[0][alpha]),
                counts=counts,
                method=method,
                moves=moves.split(","),
            )
            if ranks or not found.is_top_k.any():
                return found
    except (ValueError, IndexError):
        pass
    return None
