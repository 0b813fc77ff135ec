"""What an attacker may do to the features of an input: rewrite, insert and delete them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

INSERT: Final = "insert"
DELETE: Final = "delete"
REWRITE: Final = "rewrite"
MOVES: Final = (INSERT, DELETE, REWRITE)
# beside insertions and deletions a rewritten feature is said to be replaced
_DOES: Final = {INSERT: "inserts", DELETE: "deletes", REWRITE: "replaces"}
_DONE: Final = {INSERT: "inserted", DELETE: "deleted", REWRITE: "replaced"}


@final
@dataclass(frozen=True, kw_only=True)
class Attacker:
    """Which moves a radius of r allows, r of them in all.

    Parameters
    ----------
    moves
        Some of "insert", "delete" and "rewrite", in any order; each costs 1. The usual one is
        "rewrite" alone: the l0 distance. All three are the edit distance.

    Raises
    ------
    ValueError
        For other moves, one that stands there twice, or none.

    Examples
    --------
    >>> from topcert.theory.attacker import EDITS, Attacker
    >>> EDITS.in_words("tokens"), EDITS.done_in_words(5, "tokens")
    ('inserts, deletes or replaces up to r of its tokens', '5 tokens inserted, deleted or replaced')
    >>> Attacker().in_words("pixels"), Attacker().rewrites_alone
    ('rewrites up to r of its pixels', True)
    """

    moves: tuple[str, ...] = (REWRITE,)

    def __post_init__(self) -> None:
        given = tuple(self.moves)
        unknown = [move for move in given if move not in MOVES]
        if unknown or not given or len(set(given)) < len(given):
            raise ValueError(
                f"moves must be some of {', '.join(MOVES)}, each once, got {', '.join(given)!r}"
            )
        object.__setattr__(self, "moves", tuple(move for move in MOVES if move in given))

    @property
    def rewrites_alone(self) -> bool:
        """Whether an input keeps its length, as in the paper."""
        return self.moves == (REWRITE,)

    def may(self, move: str) -> bool:
        """Whether the move is one of his.

        Parameters
        ----------
        move
            "insert", "delete" or "rewrite".

        Returns
        -------
        bool
        """
        return move in self.moves

    def in_words(self, plural: str) -> str:
        """The end of "however an attacker": "rewrites up to r of its pixels".

        Parameters
        ----------
        plural
            The word for several features.

        Returns
        -------
        str
        """
        if self.rewrites_alone:
            return f"rewrites up to r of its {plural}"
        return f"{_listed([_DOES[move] for move in self.moves])} up to r of its {plural}"

    def done_in_words(self, count: int, unit: str) -> str:
        """So many changed features: "5 tokens inserted, deleted or replaced".

        Parameters
        ----------
        count
            How many.
        unit
            The word for so many of them.

        Returns
        -------
        str
        """
        return f"{count} {self.changed_in_words(unit)}"

    def changed_in_words(self, unit: str) -> str:
        """Changed features: "tokens inserted, deleted or replaced".

        Parameters
        ----------
        unit
            The word for them.

        Returns
        -------
        str
        """
        done = ["rewritten"] if self.rewrites_alone else [_DONE[move] for move in self.moves]
        return f"{unit} {_listed(done)}"


REWRITES: Final = Attacker()
EDITS: Final = Attacker(moves=MOVES)


def _listed(words: list[str]) -> str:
    """Words as "a, b or c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
