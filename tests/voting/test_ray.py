"""Votes on a real Ray cluster of several nodes, of which some are lost: `make cluster`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from topcert.noise.ablation import Ablation
from topcert.voting import sampling
from topcert.voting.executors import ray_cluster
from topcert.voting.executors.in_process import InProcess
from topcert.voting.executors.named import make_executor
from topcert.voting.executors.processes import Processes
from topcert.voting.executors.ray_cluster import Needs, Ray
from topcert.voting.request import Request
from topcert.voting.run import collect_votes, open_run

# Slow enough for a node to be lost while it computes.
SLOW = """
import time
def make():
    def model(batch):
        time.sleep(0.05)
        return batch[:, :5]
    return model
"""
REQUEST = Request(
    data="table.npz",
    model="slow_model:make",
    num_samples=500,
    noise=Ablation(num_kept=4),
    batch_size=25,
)


def test_without_ray_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for ask in (lambda: ray_cluster.connect(None), lambda: make_executor("ray")):
        with pytest.raises(ValueError, match=r"pip install 'topcert\[ray\]'"):
            ask()


def test_how_many_workers_find_a_place() -> None:
    needs = Needs(num_cpus=2, num_gpus=0.5, resources={"big": 1})
    assert needs.fit({"CPU": 9, "GPU": 1, "big": 4}) == 2
    assert needs.fit({"CPU": 9, "GPU": 1}) == 0
    assert needs.in_words() == "2 CPU, 0.5 GPU, 1 big"
    with pytest.raises(ValueError, match=r"--num-gpus must lie in 0 .. 9,999, got -1"):
        Needs(num_gpus=-1)


@pytest.fixture
def cluster(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Three nodes of one core each, and a head without any."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: make cluster")
    from ray.cluster_utils import Cluster

    (workplace / "slow_model.py").write_text(SLOW)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(workplace), *sys.path]))
    monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 100)
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(3):
        made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()


def run(request: Request, out: str, executor: Any, stop_at: int | None = None) -> dict[str, bytes]:
    """Run it, as far as `stop_at` votes; the files that it left."""

    def on_progress(done: int, total: int, note: str) -> None:
        if stop_at is not None and done >= stop_at:
            raise KeyboardInterrupt

    collect_votes(
        open_run(request, Path(out), resume=True), on_progress=on_progress, executor=executor
    )
    found = [path for path in Path(out).rglob("*") if path.is_file()]
    return {str(path.relative_to(out)): path.read_bytes() for path in found}


@pytest.mark.filterwarnings("default")
def test_a_cluster_that_loses_nodes_gives_the_votes_of_one_process(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes that are lost and join, a run that is stopped and goes on with others, workers that
    find no place or another model.
    """
    lost: list[Any] = []
    votes = []  # of each part that came back

    class Losing(ray_cluster._Actors):  # type: ignore[misc]  # a final class, for what it is told
        def take(self) -> Any:
            found = super().take()
            votes.extend(len(done.votes.votes) for done in found if done.votes is not None)
            if len(lost) < 2 and sum(votes) > 500 * (1 + len(lost)):
                lost.append(next(iter(cluster.worker_nodes)))
                cluster.remove_node(lost[-1], allow_graceful=False)
                cluster.add_node(num_cpus=1)
            return found

    whole = run(REQUEST, "alone", Processes(workers=4))
    with monkeypatch.context() as patched:
        patched.setattr(ray_cluster, "_Actors", Losing)
        assert run(REQUEST, "lost", Ray(cluster.address)) == whole
    assert len(lost) == 2

    with pytest.raises(KeyboardInterrupt):
        run(REQUEST, "stopped", Ray(cluster.address, workers=3), stop_at=1_500)
    assert run(REQUEST, "stopped", Ray(cluster.address, workers=1)) == whole

    with pytest.raises(ValueError, match="no worker finds a place: it takes 1 CPU, 3 GPU"):
        run(REQUEST, "gpu", Ray(cluster.address, num_gpus=3))
    other = replace(REQUEST, num_samples=100)
    Path("other").mkdir()
    opened = open_run(other, Path("other"), resume=True)
    opened.prepared.classifier.runtime = "numpy 0, cpu of another kind"
    with pytest.raises(ValueError, match="every worker was refused: a worker has another runtime"):
        collect_votes(opened, on_progress=lambda *_: None, executor=Ray(cluster.address, workers=2))
    assert run(other, "few", Ray(cluster.address)) == run(other, "few alone", InProcess())
