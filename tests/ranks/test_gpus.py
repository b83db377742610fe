"""Ranks with a GPU each, on stand-ins: no GPU is needed, and none was there when this was written.

The sums are those of one GPU with the same micro-batches, to the last bit; NCCL is replaced by
queues between threads, which read and write at the addresses that it would get.
"""

import ctypes
import queue
import sys
import types

import numpy as np
import pytest
import strict_cupy
from runs import data
from thread_ranks import together

from minivit import Config
from minivit.errors import BackendError
from minivit.parallel.workers import Workers
from minivit.ranks import nccl
from minivit.ranks.launch import Launch, launched
from minivit.ranks.ranks import ALONE
from minivit.ranks.world import World
from minivit.training.recipe import Recipe
from minivit.training.trainer import Trainer

SIZES = {"image_size": 8, "patch_size": 2, "dim": 8, "depth": 2, "heads": 2, "mlp_dim": 12}
MEAN, STD = [0.5, 0.4, 0.6], [0.2, 0.25, 0.3]
BATCHES = [data(n, seed) for seed, n in enumerate((16, 16, 11, 16))]  # one is shorter


def trained(ranks, xp=strict_cupy, **recipe):
    """Train for a few steps -> (bytes of all arrays, sums, metrics)."""
    recipe = Recipe(**{"warmup": 0, "batch_size": 16, "ema": 0.9, **recipe})
    with Workers(1) as entered:
        trainer = Trainer(Config(**SIZES, dropout=0.1), recipe, 20, MEAN, STD, entered, xp,
                          ranks=ranks)  # fmt: skip
        for images, labels in BATCHES:
            images, labels = xp.asarray(images), xp.asarray(labels)
            trainer.train_step(images, labels)
        sums = trainer.read_sums()
        trainer.sums.reset(sums, sums["count"])
        assert trainer.read_sums() == sums  # what a resumed run begins with
        images, labels = data(21, 9)
        metrics = trainer.evaluate(xp.asarray(images), xp.asarray(labels), batch_size=16)
        return {name: a.tobytes() for name, a in trainer.arrays().items()}, sums, metrics


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_bits_of_one_gpu_with_the_same_micro_batches(size, optimizer):
    options = {"optimizer": optimizer, "micro_batch": 2}
    alone = trained(ALONE, **options)
    for arrays, sums, metrics in together(size, lambda r: trained(r, **options)):
        assert arrays == alone[0]
        assert sums == pytest.approx(alone[1]) and metrics == pytest.approx(alone[2])


def test_no_step_waits_for_the_device(syncs):
    """All ranks do their steps at once, so no wait is seen of any."""
    options = {"optimizer": "adamw", "micro_batch": 2, "batch_size": 16}

    def steps(rank):
        with Workers(1) as entered:
            recipe = Recipe(warmup=0, **options)
            trainer = Trainer(Config(**SIZES), recipe, 20, MEAN, STD, entered, strict_cupy,
                              ranks=rank)  # fmt: skip
            images, labels = map(strict_cupy.asarray, BATCHES[0])
            rank.concatenate([])  # what the others' start has waited for is not of a step
            syncs.clear()
            rank.concatenate([])
            for _ in range(3):
                trainer.train_step(images, labels)
            return list(syncs)

    assert together(2, steps) == [[], []]


def test_a_micro_batch_for_each_rank():
    """Without --micro-batch the cut, and so the last bits, depend on the number of ranks."""
    alone = trained(ALONE)
    for arrays, sums, _ in together(3, lambda rank: trained(rank)):
        assert sums["count"] == alone[1]["count"]
        for name, weights in arrays.items():
            got, want = np.frombuffer(weights, "f4"), np.frombuffer(alone[0][name], "f4")
            np.testing.assert_allclose(got, want, atol=1e-4)


class FakeNccl(types.SimpleNamespace):
    """What Links needs of CuPy's nccl: arrays are copied from address to address."""

    available, NCCL_FLOAT32 = True, 7

    def __init__(self, size):
        super().__init__(pipes={(a, b): queue.Queue() for a in range(size) for b in range(size)})

    def get_unique_id(self):
        return b"the name"

    def groupStart(self):  # noqa: N802
        """NCCL's name."""

    groupEnd = groupStart  # noqa: N815

    def NcclCommunicator(self, size, name, rank):  # noqa: N802
        assert name == b"the name"
        waiting = []

        def send(address, count, kind, other, stream):
            assert (kind, stream) == (7, 42)
            self.pipes[rank, other].put(ctypes.string_at(address, 4 * count))

        def recv(address, count, kind, other, stream):
            assert (kind, stream) == (7, 42)
            waiting.append((address, 4 * count, other))

        def finish():
            while waiting:
                address, count, other = waiting.pop(0)
                ctypes.memmove(address, self.pipes[other, rank].get(timeout=60), count)

        return types.SimpleNamespace(send=send, recv=recv, finish=finish)


def array_at(values):
    """A host array with what a CuPy array says of its address."""
    array = np.array(values, np.float32)
    return types.SimpleNamespace(
        host=array, size=array.size, data=types.SimpleNamespace(ptr=array.ctypes.data)
    )


def test_nccl_gets_each_array_in_order(monkeypatch):
    fake = FakeNccl(3)
    monkeypatch.setattr(nccl, "library", lambda: fake)

    def main(rank):
        links = nccl.Links(rank)
        others = [(rank.rank + 1) % 3, (rank.rank + 2) % 3]
        sends = [(array_at([10 * rank.rank + o, i]), o) for o in others for i in (1, 2)]
        sends.append((array_at([]), others[0]))
        receives = [(array_at([0, 0]), o) for o in others for _ in (1, 2)]
        links.swap(sends, [*receives, (array_at([]), others[0])], stream=42)
        links.communicator.finish()
        return [(o, array.host.tolist()) for array, o in receives]

    for rank, got in enumerate(together(3, main)):
        assert got == [(o, [10 * o + rank, i]) for o, _ in got[::2] for i in (1, 2)]


def test_a_world_on_gpus_sends_through_nccl(monkeypatch):
    cuda = types.SimpleNamespace(get_current_stream=lambda: types.SimpleNamespace(ptr=42))
    monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(cuda=cuda))
    seen, world = [], World(Launch("Open MPI", 0, 2))
    world.links = types.SimpleNamespace(swap=lambda *args: seen.append(args))
    array = np.zeros(3, np.float32)
    world.swap([(array, 1)], [])
    assert seen == [([(array, 1)], [], 42)] and world.bytes == 12


def gpus(monkeypatch, count, taken):
    """A CuPy with so many GPUs, and without NCCL."""
    device = lambda number: types.SimpleNamespace(use=lambda: taken.append(number))  # noqa: E731
    runtime = types.SimpleNamespace(getDeviceCount=lambda: count)
    cuda = types.ModuleType("cupy.cuda")
    cuda.Device, cuda.runtime = device, runtime
    cuda.nccl = types.SimpleNamespace(available=False)
    cupy = types.ModuleType("cupy")
    cupy.cuda = cuda
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "cupy.cuda", cuda)


def test_each_rank_takes_a_gpu_of_its_machine(monkeypatch):
    taken = []
    gpus(monkeypatch, 4, taken)
    names = {"SIZE": "8", "LOCAL_SIZE": "4"}
    for rank in range(8):
        own = {**names, "RANK": str(rank), "LOCAL_RANK": str(rank % 4)}
        launch = launched({f"OMPI_COMM_WORLD_{name}": value for name, value in own.items()})
        nccl.choose_gpu(launch)
    assert taken == [0, 1, 2, 3] * 2


def test_what_is_missing_is_said(monkeypatch):
    gpus(monkeypatch, 1, [])
    with pytest.raises(BackendError, match="2 ranks on a machine with 1 GPU: each rank needs one"):
        nccl.choose_gpu(Launch("MPICH", 0, 2, 2, 0))
    with pytest.raises(BackendError, match="needs NCCL: pip install nvidia-nccl"):
        nccl.library()
