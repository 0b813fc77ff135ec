"""Every method by name: each file of this folder that has a `METHOD` is one, and so is each entry
point of the group `topcert.methods` in an installed package.
"""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from typing import Final

import topcert.methods
from topcert.methods.method import Method, SampledMethod, VoteMethod
from topcert.plugins import METHODS, Plugin, find_plugins, name_is_taken, only_one
from topcert.theory.scalars import kind_in_words

ALIASES: Final = {"levine-feizi-simuem": "ablation"}  # the same certificate, at k = 1


def all_methods() -> dict[str, Method]:
    """Every method by its name, in the order of names; without plug-ins that `refused_methods`
    names.
    """
    return _find_all()[0]


def refused_methods() -> list[str]:
    """A line for each plug-in that is no method of ours: its name is taken, or it does not load."""
    return _find_all()[1]


def find_method(name: str) -> Method:
    """The method of that name or alias, ours before a plug-in.

    Raises ValueError where there is none, or a plug-in of that name does not load. Warns where a
    plug-in claims the name of a method of ours.
    """
    own, added = _own_methods(), find_plugins(METHODS, kind="method")
    found = own.get(ALIASES.get(name, name))
    if found is not None:
        for plugin in added.get(name, ()):
            warnings.warn(name_is_taken(plugin), stacklevel=2)
        return found
    if name in added:
        return _load(only_one(added[name]))
    raise ValueError(
        f"unknown method {name!r}; choose one of: {', '.join(sorted({*own, *added, *ALIASES}))}"
    )


def find_sampled_method(name: str) -> SampledMethod:
    """The method of that name or alias; raises ValueError where there is none, or it does not work
    on votes.
    """
    found = find_method(name)
    if not isinstance(found, SampledMethod):
        raise ValueError(
            f"the method {found.name} certifies a network from its weights, not from votes"
        )
    return found


def find_vote_method(name: str) -> VoteMethod:
    """The method of that name or alias; raises ValueError where there is none, or it needs more
    than vote counts.
    """
    found = find_sampled_method(name)
    if not isinstance(found, VoteMethod):
        raise ValueError(
            f"the method {found.name} asks under which mask each vote was cast, which counts do not"
            f" tell; give the folder of the run instead: topcert evaluate DIR --method {found.name}"
        )
    return found


def _own_methods() -> dict[str, Method]:
    """Those of this folder, in the order of names."""
    modules = (
        importlib.import_module(f"{topcert.methods.__name__}.{module.name}")
        for module in pkgutil.iter_modules(topcert.methods.__path__)
    )
    found: list[Method] = [module.METHOD for module in modules if hasattr(module, "METHOD")]
    methods = {method.name: method for method in sorted(found, key=lambda method: method.name)}
    if len(methods) < len(found):
        raise ValueError("two files of topcert.methods hold a method of the same name; rename one")
    return methods


def _find_all() -> tuple[dict[str, Method], list[str]]:
    """All methods, in the order of names, and a line for each plug-in that is none."""
    methods = _own_methods()
    refused: list[str] = []
    own = {*methods, *ALIASES}
    for name, plugins in find_plugins(METHODS, kind="method").items():
        if name in own:
            refused += [name_is_taken(plugin) for plugin in plugins]
            continue
        try:
            methods[name] = _load(only_one(plugins))
        except ValueError as error:
            refused.append(str(error))
    return dict(sorted(methods.items())), refused


def _load(plugin: Plugin) -> Method:
    """The method of a plug-in. Raises ValueError where it does not load, or is none."""
    found = plugin.load()
    if not isinstance(found, Method):
        raise ValueError(
            f"{plugin} is no method: {plugin.entry.value} is {kind_in_words(found)}, not an"
            " instance of a subclass of topcert.methods.method.Method"
        )
    for attribute in ("name", "noise", "norm", "needs", "guarantee"):
        if not isinstance(getattr(found, attribute, None), str):
            raise ValueError(f"{plugin} does not say its `{attribute}`; its class must, as a text")
    if found.name != plugin.name:
        raise ValueError(
            f"{plugin} calls itself {found.name!r}; its entry point and its `name` must be the same"
        )
    return found
