"""bench --plan: a step on many ranks, worked out from parts."""

import importlib.util
import json
from argparse import Namespace

import pytest

from minivit import Config
from minivit.bench import links, plan, plan_text
from minivit.commands import bench_ranks
from minivit.costs import parameters
from minivit.errors import ConfigError
from minivit.training.micro_batches import micro_batches

CONFIG = Config(image_size=8, dim=8, depth=1, heads=2, mlp_dim=8)
JOB = plan.Job(CONFIG, 1024)
PARTS = plan.Parts(micro_batch=1.0, add=1e-6, update=2e-6)
FAST = plan.Network(bandwidth=float("inf"), latency=0.0)
OPTIONS = {"plan": None, "ranks": None, "bandwidth": None, "latency": None, "profile": False,
           "inference": False, "against": None, "device": "cpu", "threads": None, "sizes": None,
           "json": False, "runs": 7}  # fmt: skip


def test_one_rank_sends_nothing():
    count, numbers = len(micro_batches(CONFIG, JOB.batch)), parameters(CONFIG)
    one = plan.step(JOB, PARTS, plan.Network(1.0, 1.0), 1, 2)
    assert one.send == 0 and one.compute == -(-count // 2)
    assert one.add == pytest.approx((count - 1) * numbers * 1e-6 / 2)
    assert one.update == pytest.approx(numbers * 2e-6 / 2)
    assert one.overlapped == one.seconds == pytest.approx(one.compute + one.add + one.update)


def test_what_two_ranks_send():
    """Half of the gradients and half of the weights, in a message each."""
    two = plan.step(JOB, PARTS, plan.Network(1e6, 0.25), 2, 2)
    assert two.send == pytest.approx(2 * (0.25 + 4 * parameters(CONFIG) / 2 / 1e6))
    assert two.overlapped == pytest.approx(two.seconds - two.send / 2)
    slow = plan.step(JOB, PARTS, plan.Network(1.0, 0.0), 2, 2)
    assert slow.overlapped == pytest.approx(slow.seconds - plan.BACKWARD * slow.compute)


def test_more_ranks_than_micro_batches_do_not_compute_faster():
    count = len(micro_batches(CONFIG, JOB.batch))
    steps = plan.steps(JOB, PARTS, FAST, 1, 1024)
    assert [step.ranks for step in steps] == [1, *plan.RANKS]
    for step in steps:
        assert step.compute == -(-count // step.ranks)
    assert [step.ranks for step in plan.steps(JOB, PARTS, FAST, 1, 20)] == [1, 8, 16]


def test_the_verdict_names_what_limits():
    steps = plan.steps(JOB, PARTS, plan.Network(1e3, 0.0), 1, 64)
    text = plan_text.table("small", JOB, steps)
    assert "most of it is sending" in text and len(text.splitlines()) == len(steps) + 4
    assert len({len(line) for line in text.splitlines()[1:-2]}) == 1
    few = plan.steps(plan.Job(CONFIG, 8), PARTS, FAST, 1, 64)
    assert "workers have no micro-batch" in plan_text.verdict(few)
    many = plan.steps(plan.Job(CONFIG, 1 << 20), PARTS, FAST, 1, 8)
    assert "up to 8 ranks" in plan_text.verdict(many)


def test_the_command(monkeypatch, capsys):
    monkeypatch.setattr(plan.measure, "__defaults__", (1, 0.001))
    monkeypatch.setattr(bench_ranks, "check", lambda rows: "checked")
    args = Namespace(**{**OPTIONS, "plan": 16, "json": True, "bandwidth": 100.0, "latency": 5.0})
    assert bench_ranks.asked(args)
    said = []
    assert bench_ranks.main(args, said.append, jobs={"small": JOB}) == 0
    assert "100 Gbit/s" in said[0] and "5 us" in said[0] and said[-1].endswith("checked")
    rows = json.loads(capsys.readouterr().out)["small"]
    assert [row["ranks"] for row in rows] == [1, 8, 16] and all(row["compute"] > 0 for row in rows)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bandwidth": 10.0}, "add --plan"),
        ({"latency": 0.0}, "add --plan"),
        ({"plan": 8, "ranks": [1]}, "leave out one"),
        ({"plan": 8, "sizes": ["A"]}, "but --threads and --json"),
        ({"ranks": [1, 2], "threads": 2}, "but --sizes, --runs and --json"),
    ],
)
def test_options_that_do_not_fit(options, words):
    with pytest.raises(ConfigError, match=words):
        bench_ranks.asked(Namespace(**{**OPTIONS, **options}))


@pytest.mark.skipif(importlib.util.find_spec("mpi4py") is None, reason="mpi4py is not installed")
def test_the_network_between_two_ranks(monkeypatch):
    monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT", "1")
    monkeypatch.setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
    network = links.measured()
    assert network.bandwidth > 1e7 and 0 < network.latency < 0.1
