"""Stopping rules: what is asked of a label, and how a manifest records it."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal, cast, final, get_args

import numpy as np
from numpy.typing import NDArray

from topcert.theory.scalars import real, whole_number

Ints = NDArray[np.int64]

StoppingLabel = Literal["given", "selected", "shown"]
LABELS: Final[tuple[StoppingLabel, ...]] = get_args(StoppingLabel)
CERTIFIED: Final = ("given", "selected")  # one label an input; "shown" are several, of predict

# Whose theorem it is, and the name of all numbers of stopping_test.py and evidence.py.
RULES: Final = {"ablation": "evidence-2", "located": "located-evidence-1"}
BALLOT_RULES: Final = {  # the same for ballots of several labels
    "ablation": "evidence-ballots-1",
    "located": "located-evidence-ballots-1",
}
_QUESTION: Final = r"table|exact|radius=[0-9]{1,7}"
_TEXT: Final = re.compile(
    rf"({_QUESTION}); k=([0-9]{{1,7}}); alpha=([0-9.e-]{{3,30}}); label=({'|'.join(LABELS)});"
    r" rule=([a-z0-9-]+)"
    r"(?:; ballot=([0-9]{1,7}))?"
)


@final
@dataclass(frozen=True, kw_only=True)
class Stopping:
    """A rule by which an input has only as many votes as the answer to a question takes.

    Parameters
    ----------
    question
        What is asked of a label: "radius=R" (is its radius at least R?), "table" (min(radius, 5),
        the columns of the paper's tables) or "exact" (its radius).
    k
        The top k that the label is to stay in.
    alpha
        The chance that what is claimed of an input is wrong, however often its votes were looked
        at.
    method
        "ablation" goes by the counts of the votes, "located" also by which masks gave which vote.
    label
        "given", or "selected": the most voted one of a first sample, whose votes count for nothing
        else. "shown" is what `SmoothedClassifier.predict` asks: the k most voted ones of a first
        sample, each with the chance alpha / k.
    num_named
        How many labels each vote names.

    Raises
    ------
    ValueError
        For another question, method or label, alpha outside (0, 1), and k or num_named below 1.

    References
    ----------
    docs/theory/stopping.md, with Theorems F and G.

    Examples
    --------
    >>> import topcert
    >>> topcert.Stopping(question="radius=5", k=3, alpha=0.001).to_text()
    'radius=5; k=3; alpha=0.001; label=given; rule=evidence-2'
    """

    question: str
    k: int
    alpha: float
    method: str = "ablation"
    label: StoppingLabel = "given"
    num_named: int = 1

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("method", self.method, RULES),
            ("label", self.label, LABELS),
        ):
            if value not in allowed:
                raise ValueError(
                    f"the {name} of a stopping rule must be {' or '.join(allowed)}, got {value!r}"
                )
        if not re.fullmatch(_QUESTION, str(self.question)):
            raise ValueError(
                "the question of a stopping rule must be radius=R (such as radius=5), table or"
                f" exact, got {self.question!r}"
            )
        if not 0 < real(self.alpha, "alpha") < 1:
            raise ValueError(f"alpha must lie strictly between 0 and 1, got {self.alpha}")
        for name, number in (("k", self.k), ("num_named", self.num_named)):
            if whole_number(number, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {number}")

    @property
    def selects(self) -> bool:
        """Whether a first sample chooses the labels."""
        return self.label != "given"

    @property
    def one_label(self) -> Literal["given", "selected"]:
        """Which one label of each input is asked about.

        Raises ValueError where it is several.
        """
        if self.label == "shown":
            raise ValueError(
                "a stopping rule for labels that are shown asks about several of each input, which"
                " only predict does; use label='given' or 'selected'"
            )
        return self.label

    @property
    def alpha_of_label(self) -> float:
        """The chance that what is claimed of one label is wrong: all labels that are asked about
        have `alpha` together.
        """
        return self.alpha / self.k if self.label == "shown" else self.alpha

    def to_text(self) -> str:
        """As a manifest records it."""
        rule = (RULES if self.num_named == 1 else BALLOT_RULES)[self.method]
        named = "" if self.num_named == 1 else f"; ballot={self.num_named}"
        return (
            f"{self.question}; k={self.k}; alpha={float(self.alpha)!r}; label={self.label};"
            f" rule={rule}{named}"
        )

    @staticmethod
    def read(text: str) -> Stopping:
        """The rule that a manifest records.

        Parameters
        ----------
        text
            What `to_text` gave.

        Returns
        -------
        Stopping

        Raises
        ------
        ValueError
            For other texts.
        """
        found = _TEXT.fullmatch(text)
        rule = None
        if found is not None:
            num_named = int(found[6] or 1)
            rules = RULES if num_named == 1 else BALLOT_RULES
            methods = [method for method, name in rules.items() if name == found[5]]
            with suppress(ValueError, IndexError):
                rule = Stopping(
                    question=found[1],
                    k=int(found[2]),
                    alpha=float(found[3]),
                    method=methods[0],
                    label=cast("StoppingLabel", found[4]),
                    num_named=num_named,
                )
        if rule is None or rule.to_text() != text:
            raise ValueError(
                f"the manifest's stopping is {text!r}, which this release does not know"
            )
        return rule


def check_question(question: str) -> None:
    """Raises ValueError for what is no question."""
    if not re.fullmatch(_QUESTION, question):
        raise ValueError(
            f"--stop must be radius=R (such as radius=5), table or exact, got {question!r}"
        )
