"""What an attacker of the raw input can do to the certified array.

Radii are about the array whose features are ablated. Where that was made of something else (a row
of a table with text, a photograph that was resized), an attacker of that something may reach more
of the array, or less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from topcert.modalities.registered_modalities import count_in_words


@final
@dataclass(frozen=True, kw_only=True)
class RawInput:
    """What the certified array is made of.

    Parameters
    ----------
    what
        The raw input, such as "a row of a DataFrame".
    part
        What an attacker changes of it, such as "column".
    spread
        How many features of the array one changed part moves at most; None where it may be all.
    outside
        What he may write that the promise does not cover; empty for nothing.

    Examples
    --------
    >>> raw = RawInput(what="a row of a DataFrame", part="column", spread=1)
    >>> print(raw.in_words(unit="column"))
    of a row of a DataFrame, one changed column moves 1 column of the certified array
    >>> raw.radius(4), RawInput(what="a file", part="pixel", spread=None).radius(4)
    (4, 0)
    """

    what: str
    part: str
    spread: int | None
    outside: str = ""

    def radius(self, certified: int) -> int:
        """Changed parts of the raw input that a radius of the array covers.

        Parameters
        ----------
        certified
            A radius of the certified array, in features.

        Returns
        -------
        int
            0 where one changed part may move the whole array.
        """
        return 0 if self.spread is None else certified // self.spread

    def sentence(self, *, unit: str) -> str:
        """The same as a sentence, as prints have it.

        Parameters
        ----------
        unit
            What radii count, such as "pixel".

        Returns
        -------
        str
        """
        sentence = self.in_words(unit=unit)
        return f"{sentence[0].upper()}{sentence[1:]}."

    def in_words(self, *, unit: str) -> str:
        """One line on what an attacker of the raw input can do to the array.

        Parameters
        ----------
        unit
            What radii count, such as "pixel".

        Returns
        -------
        str
        """
        if self.spread is None:
            moved = f"may move every {unit} of the certified array: radii say nothing of it"
        else:
            moved = f"moves {count_in_words(self.spread, unit)} of the certified array"
        outside = f"; not covered: {self.outside}" if self.outside else ""
        return f"of {self.what}, one changed {self.part} {moved}{outside}"
