"""Every method by name: each file of this folder that has a `METHOD` is one."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Final

import topcert.methods
from topcert.methods.method import Method, SampledMethod, VoteMethod

ALIASES: Final = {"levine-feizi-simuem": "ablation"}  # the same certificate, at k = 1


def all_methods() -> dict[str, Method]:
    """Every method by its name, in the order of names."""
    modules = (
        importlib.import_module(f"{topcert.methods.__name__}.{module.name}")
        for module in pkgutil.iter_modules(topcert.methods.__path__)
    )
    found: list[Method] = [module.METHOD for module in modules if hasattr(module, "METHOD")]
    methods = {method.name: method for method in sorted(found, key=lambda method: method.name)}
    if len(methods) < len(found):
        raise ValueError("two files of topcert.methods hold a method of the same name; rename one")
    return methods


def find_method(name: str) -> Method:
    """The method of that name or alias; raises ValueError where there is none."""
    methods = all_methods()
    found = methods.get(ALIASES.get(name, name))
    if found is None:
        raise ValueError(
            f"unknown method {name!r}; choose one of: {', '.join(sorted([*methods, *ALIASES]))}"
        )
    return found


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
