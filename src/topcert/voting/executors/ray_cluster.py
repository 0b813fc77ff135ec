"""Blocks by workers on a Ray cluster (extra `ray`; Ray core alone)."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final, final

from topcert.theory.scalars import whole_number
from topcert.voting.executors.by_crew import ByCrew
from topcert.voting.executors.crew import AHEAD, Crew, Done, Losses
from topcert.voting.executors.executor import BlockTask, BlockVotes
from topcert.voting.executors.voter_recipe import VoterRecipe
from topcert.voting.executors.worker import NotSharedError, Refusal, compute_part, make_voter
from topcert.voting.voter import Voter

PATIENCE: Final = 120.0  # seconds
WAIT: Final = 1.0  # seconds until workers that joined the cluster are counted again


@final
@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a worker takes of a node: cores, GPUs (a share of one will do) and other resources by
    the names that the cluster has for them.
    """

    num_cpus: float = 1
    num_gpus: float = 0
    resources: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for flag, value in (("--num-cpus", self.num_cpus), ("--num-gpus", self.num_gpus)):
            if not 0 <= value < 10_000:
                raise ValueError(f"{flag} must lie in 0 .. 9,999, got {value}")

    def fit(self, free: Mapping[str, float]) -> int:
        """How many workers find a place in what is free."""
        wanted = {"CPU": self.num_cpus, "GPU": self.num_gpus, **self.resources}
        needed = {name: amount for name, amount in wanted.items() if amount}
        if not needed:
            return 1
        return int(min(free.get(name, 0.0) // amount for name, amount in needed.items()))

    def in_words(self) -> str:
        """What a worker takes."""
        more = [f"{amount:g} {name}" for name, amount in self.resources.items()]
        return ", ".join([f"{self.num_cpus:g} CPU", f"{self.num_gpus:g} GPU", *more])


@final
class Ray(ByCrew):
    """Workers on a Ray cluster: the votes are those of any other executor, to the bit.

    The process of the run alone writes. Each worker loads data and model once and compares both and
    its runtime with those of the run; one that has others is given nothing. So the data lies under
    the same name on every node, and nodes of another kind of processor stay idle. A node that is
    lost costs the votes that it was computing; one that joins is given work.

    Parameters
    ----------
    address
        "auto" for the cluster that this machine belongs to, else "HOST:PORT" or "ray://HOST:PORT";
        None for one of this machine alone, which ends with the run. Where Ray is connected already,
        that cluster.
    workers
        How many at most; None for as many as find a place.
    num_cpus, num_gpus, resources
        What each takes of a node.

    Raises
    ------
    ValueError
        Where a number is none, and when votes are cast: where Ray is not installed or not found.

    Examples
    --------
    Votes on all nodes of the cluster that this machine belongs to, two cores a worker:

    >>> import topcert
    >>> topcert.Ray("auto", num_cpus=2)
    Ray('auto', workers=None)
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        workers: int | None = None,
        num_cpus: float = 1,
        num_gpus: float = 0,
        resources: Mapping[str, float] | None = None,
    ) -> None:
        self.address = address
        self.workers = None if workers is None else whole_number(workers, "workers")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"--workers must be at least 1, got {workers}")
        self.needs = Needs(num_cpus=num_cpus, num_gpus=num_gpus, resources=dict(resources or {}))
        super().__init__()

    def __repr__(self) -> str:
        return f"Ray({self.address!r}, workers={self.workers})"

    def start(self, recipe: VoterRecipe, voter: Voter) -> Crew:
        ray, connected = connect(self.address)
        return _Actors(ray, recipe, self.needs, self.workers, ends_ray=connected)


def ray_itself() -> Any:
    """Ray. Raises ValueError where it is not installed."""
    try:
        return import_module("ray")
    except ImportError as error:
        raise ValueError(
            "--executor ray needs Ray, which is not installed: pip install 'topcert[ray]'"
        ) from error


def connect(address: str | None) -> tuple[Any, bool]:
    """Ray, connected, and whether it was not before.

    Raises ValueError where it is not installed, or there is no cluster.
    """
    ray = ray_itself()
    if ray.is_initialized():
        return ray, False
    alone = {"include_dashboard": False} if address is None else {}
    try:
        ray.init(
            address="local" if address is None else address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **alone,
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        text = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"--ray {address}: no Ray cluster answers there ({text}); start one with ray start"
            " --head, or leave --ray out for one of this machine alone"
        ) from error
    return ray, True


@final
class _Worker:
    """What lives on a node: the voter of the run, made when the worker starts."""

    def __init__(self, recipe: VoterRecipe, threads: int) -> None:
        self._voter = make_voter(recipe, threads)

    def ready(self) -> Refusal | None:
        """Why it can do nothing; None where it can work."""
        return self._voter if isinstance(self._voter, Refusal) else None

    def compute(self, part: BlockTask) -> BlockVotes | Refusal:
        """The votes of a part."""
        assert not isinstance(self._voter, Refusal)
        return compute_part(self._voter, part)


@final
class _Actors(Crew):
    """Actors on a cluster; lost ones are replaced where there is room, and more come with it.

    An actor is given work once it is ready: one that has found no place yet would keep what it was
    given. One that is unfit is given nothing, and keeps its place: another one would start there.
    """

    def __init__(
        self, ray: Any, recipe: VoterRecipe, needs: Needs, most: int | None, *, ends_ray: bool
    ) -> None:
        total = ray.cluster_resources()
        if not needs.fit(total):
            raise ValueError(
                f"no worker finds a place: it takes {needs.in_words()}, and the cluster has"
                f" {total.get('CPU', 0):g} CPU, {total.get('GPU', 0):g} GPU in all; take less of"
                " --num-cpus, --num-gpus or --resources"
            )
        self._ray, self._needs, self._most, self._ends_ray = ray, needs, most, ends_ray
        try:
            self._recipe = ray.put(recipe)
        except Exception as error:  # a person's object can raise anything
            raise NotSharedError(
                f"{recipe.request.model} cannot be given to another machine"
                f" ({type(error).__name__}); use --executor in-process"
            ) from error
        self._actor = ray.remote(
            num_cpus=needs.num_cpus,
            num_gpus=needs.num_gpus,
            resources=dict(needs.resources) or None,
            max_restarts=0,
            max_concurrency=1,
        )(_Worker)
        self._waiting: deque[BlockTask] = deque()  # parts that nobody has
        self._starting: dict[Any, Any] = {}  # actors by the answer that they are ready
        self._parts: dict[Any, dict[Any, BlockTask]] = {}  # of each that is: what it was asked
        self._unfit: list[Any] = []
        self._losses = Losses(patience=PATIENCE)
        self._looked = 0.0
        self._grow()

    @property
    def workers(self) -> int:
        return max(1, len(self._parts))

    def in_words(self) -> str:
        unfit = f", {len(self._unfit)} refused" if self._unfit else ""
        return f"{self.workers} worker{'s' * (self.workers > 1)} of a Ray cluster{unfit}"

    def _grow(self) -> None:
        """Start as many more actors as find a place now, and one that waits where there is none."""
        self._looked = time.monotonic()
        free = self._needs.fit(self._ray.available_resources()) - len(self._starting)
        there = len(self._starting) + len(self._parts)
        if not there:
            free = max(1, free)
        if self._most is not None:
            free = min(free, self._most - there - len(self._unfit))
        for _ in range(free):
            actor = self._actor.remote(self._recipe, max(1, int(self._needs.num_cpus)))
            self._starting[actor.ready.remote()] = actor

    def give(self, part: BlockTask) -> None:
        self._waiting.append(part)

    def _hand_out(self) -> None:
        while self._waiting and self._parts:
            actor = min(self._parts, key=lambda one: len(self._parts[one]))
            if len(self._parts[actor]) >= AHEAD:
                return
            part = self._waiting.popleft()
            self._parts[actor][actor.compute.remote(part)] = part

    def take(self) -> list[Done]:
        self._hand_out()
        asked = {one: actor for actor, parts in self._parts.items() for one in parts}
        refs = [*self._starting, *asked]
        if not refs:
            time.sleep(WAIT)
        ready = self._ray.wait(refs, num_returns=1, timeout=WAIT)[0] if refs else []
        found: list[Done] = []
        for one in ready:
            starts = one in self._starting
            actor = self._starting.pop(one) if starts else asked[one]
            try:
                answer = self._ray.get(one)
            except self._ray.exceptions.RayTaskError:
                raise  # a fault of ours: a worker answers with a Refusal
            except self._ray.exceptions.RayError as error:  # its node, its actor or its answer
                found += self._lose(actor, str(error).partition("\n")[0])
                continue
            self._losses.end()
            if starts and answer is None:
                self._parts[actor] = {}
            elif starts:
                self._refuse(actor, answer)
            elif isinstance(answer, Refusal):
                raise ValueError(answer.text)
            else:
                found.append(Done(part=self._parts[actor].pop(one), votes=answer))
        if time.monotonic() - self._looked >= WAIT:
            self._grow()
        return found

    def _refuse(self, actor: Any, why: Refusal) -> None:
        self._unfit.append(actor)
        if not self._parts and not self._starting:
            raise ValueError(f"every worker was refused: {why.text}")

    def _lose(self, actor: Any, why: str) -> list[Done]:
        """What an actor had that is lost. Raises ValueError where none lives for long."""
        self._ray.kill(actor)
        self._losses.add(why)
        parts = self._parts.pop(actor, {}).values()
        return [Done(part=part, votes=None) for part in parts]

    def drop(self) -> None:
        for actor in (*self._parts, *self._unfit, *self._starting.values()):
            self._ray.kill(actor)
        self._parts, self._unfit, self._starting = {}, [], {}
        self._waiting.clear()

    def close(self) -> None:
        self.drop()
        del self._recipe
        if self._ends_ray:
            self._ray.shutdown()
