"""How a torch module is run, where that is another way than the usual one: another classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

from topcert.theory.scalars import switch

USUAL: Final = "float32"
# Precisions, and how far scores lie apart, of the spread of a row, that such numbers may change
# from one kind of processor to another. `compact` moves by 5e-4 in float16, by 3e-3 in bfloat16.
PRECISIONS: Final = {USUAL: 0.0, "float16": 0.01, "bfloat16": 0.04}
CHANNELS_LAST: Final = "channels-last"


@final
@dataclass(frozen=True, kw_only=True)
class TorchOptions:
    """How a torch module is run: part of what the classifier is, and recorded as such.

    The module itself stays as it is: a copy of it is run.

    Parameters
    ----------
    precision
        The numbers of its weights and of the rows that it is given: "float32", "float16" or
        "bfloat16". Scores are ranked as they come out.
    channels_last
        Whether the channels of images lie side by side in memory, as kernels for half precision
        like them.

    Raises
    ------
    ValueError
        Where `precision` is none of these.

    Examples
    --------
    >>> import topcert
    >>> topcert.TorchOptions(precision="bfloat16", channels_last=True)
    TorchOptions(precision='bfloat16', channels_last=True)
    >>> topcert.TorchOptions(precision="int8")
    Traceback (most recent call last):
    ValueError: precision must be one of float32, float16, bfloat16, got 'int8'
    """

    precision: str = USUAL
    channels_last: bool = False

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}"
            )
        switch(self.channels_last, "channels_last")

    @property
    def rounding(self) -> float:
        """How far apart scores may lie, of the spread of a row, of which the precision decides the
        order from one runtime to another; 0 where that is nothing new.
        """
        return PRECISIONS[self.precision]

    def to_text(self) -> str | None:
        """As a manifest records it; None where all is as usual.

        Examples
        --------
        >>> TorchOptions(precision="float16", channels_last=True).to_text()
        'float16, channels-last'
        """
        said = [] if self.precision == USUAL else [self.precision]
        said += [CHANNELS_LAST] if self.channels_last else []
        return ", ".join(said) or None

    @staticmethod
    def read(text: str) -> TorchOptions:
        """What `to_text` wrote.

        Parameters
        ----------
        text
            An entry of a manifest.

        Returns
        -------
        TorchOptions

        Raises
        ------
        ValueError
            For any other text.

        Examples
        --------
        >>> TorchOptions.read("channels-last")
        TorchOptions(precision='float32', channels_last=True)
        """
        words = text.split(", ")
        precision = words[0] if words[0] != CHANNELS_LAST else USUAL
        found = TorchOptions(precision=precision, channels_last=words[-1] == CHANNELS_LAST)
        if found.to_text() != text:
            raise ValueError(f"torch_options is {text!r}, which this release does not know")
        return found

    @staticmethod
    def of(precision: str | None, *, channels_last: bool) -> TorchOptions | None:
        """What a person names.

        Parameters
        ----------
        precision, channels_last
            As of the class; None and False for nothing.

        Returns
        -------
        TorchOptions or None
            None where nothing is named.

        Raises
        ------
        ValueError
            As the class.
        """
        if precision is None and not channels_last:
            return None
        return TorchOptions(precision=precision or USUAL, channels_last=channels_last)


def only_modules(options: TorchOptions | None, what: str) -> None:
    """Raise ValueError where options are named for a model that is no torch module."""
    if options is not None:
        raise ValueError(
            f"--precision and --channels-last are for torch modules, and {what} is none; leave"
            " them out"
        )
