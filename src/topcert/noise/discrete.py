"""Discrete noise (Lee et al. 2019): every 8-bit value of an image stays, or becomes another one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar, Final, Self, final

from topcert.modalities.input_form import Form
from topcert.noise.image_checks import check_images, check_recorded
from topcert.noise.law import Noise, option
from topcert.randomization import discrete_shifts
from topcert.randomization.randomizer import DiscreteNoise, Randomizer
from topcert.theory.discrete_radius import NUM_VALUES

# Thresholds are exact, so their integers grow with the digits: with nine, a thousand of them still
# take seconds.
_SHARE: Final = re.compile(r"[0-9]{0,3}\.[0-9]{1,9}|[0-9]{1,9}/[0-9]{1,9}")


@final
@dataclass(frozen=True, kw_only=True)
class Discrete(Noise):
    """Each value v / 255 of an image stays with one probability, else each other is as likely.

    Parameters
    ----------
    keep_probability
        The chance that a value stays as it is (a of the paper): an exact number strictly between 0
        and 1, with at most nine decimals or as a fraction. A float means the decimal it prints as.
    algorithm
        The name of the stream that draws the noise; None for that of new runs.

    Raises
    ------
    ValueError
        Where the chance is not such a number.

    References
    ----------
    Lee, Yuan, Chang and Jaakkola, Tight certificates of adversarial robustness for randomly
    smoothed classifiers, NeurIPS 2019. The proof: docs/theory/discrete.md.

    Examples
    --------
    >>> import topcert
    >>> topcert.Discrete(keep_probability=0.2)
    Discrete(keep_probability='0.2')
    >>> topcert.Discrete(keep_probability="1/5").share
    Fraction(1, 5)
    """

    name: ClassVar[str] = "discrete"
    title: ClassVar[str] = "Discrete noise"
    known: ClassVar[frozenset[str]] = frozenset({discrete_shifts.ALGORITHM})
    refuses_inputs: ClassVar[bool] = True
    moves: ClassVar[str] = " to any 8-bit values"

    keep_probability: str | float | Fraction = field(
        metadata=option(
            "--keep-probability",
            meaning="the chance that a value stays, such as 0.2",
            help_text="The chance that a value stays, such as 0.2.",
            needed=True,
        )
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "keep_probability", str(self.keep_probability))
        if parse_share(self.keep_probability) is None:
            raise ValueError(
                "keep_probability must be a number strictly between 0 and 1 such as 0.2, of at"
                f" most nine decimals; got {self.keep_probability}"
            )

    @property
    def share(self) -> Fraction:
        """The chance that a value stays, exactly."""
        return Fraction(self.keep_probability)

    @property
    def own_algorithm(self) -> str:
        return discrete_shifts.ALGORITHM

    @classmethod
    def read(cls, entries: Mapping[str, Any]) -> Self:
        if parse_share(entries["keep_probability"]) is None:
            raise ValueError(
                "keep_probability must be a decimal strictly between 0 and 1, got"
                f" {entries['keep_probability']!r}"
            )
        made = super().read(entries)
        check_recorded(cls.name, entries)
        return made

    def fitted(self, form: Form, *, num_samples: int, num_selection: int = 0) -> Self:
        check_images(self.name, form)
        return self

    def randomizer(
        self, form: Form, *, seed: int, num_samples: int, num_votes: int, batch_size: int
    ) -> Randomizer:
        return DiscreteNoise(
            shape=form.shape,
            keep_probability=self.share,
            seed=seed,
            num_noises=num_votes,
            batch_size=batch_size,
        )

    def law_error(self, width: int) -> float:
        return discrete_shifts.law_error(width=width, num_values=NUM_VALUES)

    def in_words(self) -> str:
        return f"discrete noise, a = {self.keep_probability}"

    def parameter_in_words(self) -> str:
        return f"a = {float(self.share):g}"


def parse_share(text: object) -> Fraction | None:
    """An exact number strictly between 0 and 1, of a decimal or a fraction of at most nine digits;
    None of anything else.
    """
    if not isinstance(text, str) or _SHARE.fullmatch(text) is None:
        return None
    try:
        share = Fraction(text)
    except ZeroDivisionError:
        return None
    return share if 0 < share < 1 else None


NOISE = Discrete
