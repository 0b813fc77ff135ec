"""Every law of noise by name: each file of this folder that has a `NOISE` is one, and so is each
entry point of the group `topcert.noises` in an installed package.
"""

from __future__ import annotations

import importlib
import pkgutil

import topcert.noise
from topcert.noise.law import Noise
from topcert.plugins import NOISES, Plugin, find_plugins, only_one


def all_noises() -> dict[str, type[Noise]]:
    """Every law by its name, in the order of names; without plug-ins that do not load."""
    laws = _own_laws()
    for name, plugins in find_plugins(NOISES, kind="noise").items():
        if name not in laws:
            try:
                laws[name] = _load(only_one(plugins))
            except ValueError:
                continue  # `find_noise` says why
    return dict(sorted(laws.items()))


def find_noise(name: str) -> type[Noise]:
    """The law of that name, ours before a plug-in.

    Raises ValueError where there is none, or a plug-in of that name does not load.
    """
    laws, added = _own_laws(), find_plugins(NOISES, kind="noise")
    if name in laws:
        return laws[name]
    if name in added:
        return _load(only_one(added[name]))
    raise ValueError(f"unknown noise {name!r}; choose one of: {', '.join(sorted({*laws, *added}))}")


def all_streams() -> frozenset[str]:
    """The algorithms of all laws that are here."""
    return frozenset().union(*(law.known for law in all_noises().values()))


def _own_laws() -> dict[str, type[Noise]]:
    """Those of this folder, in the order of names."""
    modules = (
        importlib.import_module(f"{topcert.noise.__name__}.{module.name}")
        for module in pkgutil.iter_modules(topcert.noise.__path__)
    )
    found: list[type[Noise]] = [module.NOISE for module in modules if hasattr(module, "NOISE")]
    laws = {law.name: law for law in sorted(found, key=lambda law: law.name)}
    if len(laws) < len(found):
        raise ValueError("two files of topcert.noise hold a law of the same name; rename one")
    return laws


def _load(plugin: Plugin) -> type[Noise]:
    """The law of a plug-in. Raises ValueError where it does not load, or is none."""
    found = plugin.load()
    if not isinstance(found, type) or not issubclass(found, Noise):
        raise ValueError(
            f"{plugin} is no law: {plugin.entry.value} is not a subclass of topcert.noise.law.Noise"
        )
    if getattr(found, "name", None) != plugin.name:
        raise ValueError(
            f"{plugin} calls itself {getattr(found, 'name', None)!r}; its entry point and its"
            " `name` must be the same"
        )
    return found
