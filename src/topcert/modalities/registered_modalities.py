"""Every kind of input by name: each file of this folder that has a `MODALITY` is one, and so is
each entry point of the group `topcert.modalities` in an installed package.

What a manifest records of inputs are their shape and their unit, and these name the kind: no two
have the same number of axes and a unit of one name.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

import topcert.modalities
from topcert.modalities.encodings.encoding import Encoding
from topcert.modalities.modality import Modality, Unit
from topcert.plugins import MODALITIES, Plugin, find_plugins, only_one
from topcert.theory.attacker import Attacker


def all_modalities() -> Iterator[Modality]:
    """Every kind: ours in the order of names, then those of plug-ins that load."""
    yield from _own_modalities(tuple(topcert.modalities.__path__))
    yield from added_modalities()[0]


def known_modality(shape: tuple[int, ...], unit: str) -> Modality | None:
    """The kind of inputs of that shape, whose features are called `unit`, or None."""
    fits = (one for one in all_modalities() if one.axes == len(shape) and one.has_unit(unit))
    return next(fits, None)


def modality_of(shape: tuple[int, ...], unit: str) -> Modality:
    """The kind of inputs of that shape, whose features are called `unit`.

    Raises ValueError where there is none.
    """
    found = known_modality(shape, unit)
    if found is None:
        first, *others = (f"{one.noun} {{}}{one.units[0].plural}" for one in all_modalities())
        have = ", ".join([first.format("have "), *(other.format("") for other in others)])
        raise ValueError(f"an input of shape {shape} has no {plural_of(unit)}; {have}{_left_out()}")
    return found


def usual_modality(axes: int) -> Modality | None:
    """The kind that arrays hold of so many axes an input where nobody names a unit, or None."""
    return next((one for one in all_modalities() if one.usual and one.axes == axes), None)


def check_unit(unit: str) -> None:
    """Raise ValueError where features of no kind are called so."""
    if not any(one.has_unit(unit) for one in all_modalities()):
        names = dict.fromkeys(one.name for modality in all_modalities() for one in modality.units)
        raise ValueError(f"unknown unit {unit!r}; choose one of: {', '.join(names)}{_left_out()}")


def missing_unit(unit: str) -> str:
    """The end of an error about a recorded unit that no kind has; empty where one has it."""
    if any(one.has_unit(unit) for one in all_modalities()):
        return ""
    return f"; install the package that adds inputs of {plural_of(unit)}{_left_out()}"


def plural_of(unit: str) -> str:
    """The word for several features of a unit, whichever kind has it."""
    fits = (one.plural(unit) for one in all_modalities() if one.has_unit(unit))
    return next(fits, Unit(name=unit).plural)


def count_in_words(count: int, unit: str) -> str:
    """So many features, in words: "1 pixel", "3 pixels"."""
    return f"{count} {unit if count == 1 else plural_of(unit)}"


def all_encodings() -> dict[str, Encoding]:
    """Every encoding by its name, in the order of kinds."""
    return {one.name: one for modality in all_modalities() for one in modality.encodings}


def find_encoding(name: str) -> Encoding | None:
    """The encoding of that name, of whichever kind; None where none has it."""
    return next((found for one in all_modalities() if (found := one.find_encoding(name))), None)


def to_planes(x: NDArray[np.floating], unit: str) -> NDArray[np.floating]:
    """One input as `(width, num_features)`, contiguous.

    Images `(H, W, C)`: unit "pixel" gives `(C, H W)`, unit "feature" `(1, C H W)` in channel-first
    order. Tables `(columns,)` give `(1, columns)`. Sets of points `(points, coordinates)`: unit
    "point" gives `(coordinates, points)`. Raises ValueError for any other pair of shape and unit.
    """
    return modality_of(x.shape, unit).planes(x, unit)


def added_modalities() -> tuple[list[Modality], list[str]]:
    """Those of plug-ins, in the order of names; and of those that are left out, a line each why."""
    added: list[Modality] = []
    reasons = []
    own = _own_modalities(tuple(topcert.modalities.__path__))
    for plugins in find_plugins(MODALITIES, kind="modality").values():
        try:
            plugin = only_one(plugins)
            found = _load(plugin)
            _refuse_clash(plugin, found, (*own, *added))
        except ValueError as error:
            reasons.append(str(error))
        else:
            added.append(found)
    return added, reasons


@cache
def _own_modalities(path: tuple[str, ...]) -> tuple[Modality, ...]:
    """Those of this folder, in the order of names."""
    modules = (
        importlib.import_module(f"{topcert.modalities.__name__}.{module.name}")
        for module in pkgutil.iter_modules(path)
    )
    found = [module.MODALITY for module in modules if hasattr(module, "MODALITY")]
    return tuple(sorted(found, key=lambda modality: modality.name))


def _left_out() -> str:
    """Why a kind that is asked for may be missing: the end of an error."""
    return "".join(f"; {why}" for why in added_modalities()[1])


def _load(plugin: Plugin) -> Modality:
    """The kind of a plug-in. Raises ValueError where it does not load, or is none."""
    found = plugin.load()
    if not isinstance(found, Modality):
        raise ValueError(
            f"{plugin} is none: {plugin.entry.value} is no instance of a subclass of"
            " topcert.modalities.modality.Modality"
        )
    if found.name != plugin.name:
        raise ValueError(
            f"{plugin} calls itself {found.name!r}; its entry point and its `name` must be the same"
        )
    try:
        attacker = Attacker(moves=(*found.changes, *found.more_changes))
    except ValueError as error:
        raise ValueError(f"{plugin} has changes that are none: {error}") from error
    if not attacker.rewrites_alone and not found.kept_alone:
        raise ValueError(
            f"{plugin} lets an attacker {' and '.join(attacker.moves)}, which no method covers"
            " where a classifier sees places; show kept features alone, and set its `kept_alone`"
        )
    return found


def _refuse_clash(plugin: Plugin, found: Modality, others: Sequence[Modality]) -> None:
    """Raise ValueError where a name that is recorded, or that arrays are read by, is taken."""
    for other in others:
        taken = [one.name for one in found.units if other.has_unit(one.name)]
        if other.name == found.name:
            raise ValueError(f"{plugin} is left out: there is a modality of that name, rename it")
        if other.axes == found.axes and taken:
            raise ValueError(
                f"{plugin} is left out: the modality {other.name!r} has the unit {taken[0]!r} too,"
                f" and as many axes ({other.axes}); rename the unit"
            )
        if other.axes == found.axes and other.usual and found.usual:
            raise ValueError(
                f"{plugin} is left out: arrays with {found.axes + 1} axes hold {other.called} where"
                " nobody names a unit; set its `usual` to False"
            )
        for encoding in found.encodings:
            known = other.find_encoding(encoding.name)
            if known not in (None, encoding):
                raise ValueError(
                    f"{plugin} is left out: the modality {other.name!r} has another encoding of the"
                    f" name {encoding.name!r}; rename it"
                )
