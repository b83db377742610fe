"""The benchmark: what it reports is what was measured, and it says what holds the machine back."""

import json
import pathlib
import subprocess
import sys
import time
import types
from argparse import Namespace
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import strict_cupy

from minivit import Config
from minivit.__main__ import main as minivit
from minivit.bench import machine, memory, peak, profile, step, table
from minivit.bench.results import Result
from minivit.bench.sizes import SIZES, Size
from minivit.bench.stopwatch import Stopwatch, watching
from minivit.commands import bench as command
from minivit.commands.exits import run
from minivit.costs import flops, parameters
from minivit.layers import Linear
from minivit.parallel.workers import Workers

ROOT = pathlib.Path(__file__).resolve().parents[2]
TINY = Size(Config(image_size=8, dim=32, depth=2, heads=2, mlp_dim=64), 8)
ROW = [
    *("train_images_per_second", "half_patches_images_per_second", "forward_images_per_second"),
    *(
        "peak_share",
        "optimizer_share",
        "data_share",
        "varied_data_share",
        "peak_memory_bytes",
        "torch_train_images_per_second",
        "train_ratio",
    ),
    *("forward_ratio", "stem_share"),
]
STEM = Size(replace(TINY.config, stem="small"), 8)


@pytest.fixture
def bench(monkeypatch):
    """Run the command on a tiny size, quickly: bench(option=value, ...)."""
    monkeypatch.setattr(peak, "CUBE", 64)
    monkeypatch.setattr(peak, "GPU_CUBE", 64)
    plain = peak.rates
    monkeypatch.setattr(peak, "rates", lambda *args: plain(*args, least=0.001))

    def call(**options):
        given = {"against": None, "runs": 2, "threads": 2, "device": "cpu"}
        given |= {"json": False, "profile": False, "inference": False, "sizes": ["T"]}
        given |= {"ranks": None, "plan": None, "bandwidth": None, "latency": None, **options}
        return command.main(Namespace(**given), {"T": TINY}, dataset_size=64, seconds=0.001)

    return call


def test_flops_are_three_times_the_forward_products_counted_by_hand():
    n, t, d, m, depth = 64, 65, 192, 768, 6
    attention = t * d * 3 * d + 2 * t * t * d + t * d * d  # qkv; scores and p^T v; projection
    forward = n * 48 * d + depth * (attention + 2 * t * d * m) + d * 10
    assert flops(SIZES["A"].config) == 2 * forward
    assert flops(SIZES["A"].config, training=True) == 6 * forward


def test_sizes_are_those_that_were_agreed():
    result = {
        name: (c.dim, c.depth, c.heads, c.mlp_dim, size.batch)
        for name, size in SIZES.items()
        for c in [size.config]
    }
    assert result == {
        "A": (192, 6, 3, 768, 128),
        "B": (128, 6, 4, 256, 128),
        "C": (384, 6, 6, 1536, 64),
        "D": (64, 4, 8, 128, 50),
        "E": (96, 6, 3, 192, 64),
    }
    assert [size.config.stem for size in SIZES.values()] == [*4 * ["none"], "small"]
    for size in SIZES.values():
        c = size.config
        assert (c.image_size, c.patch_size, c.channels, c.pool, c.tokens) == (32, 4, 3, "class", 65)


def test_json_is_one_object_of_the_agreed_shape(bench, capsys):
    assert bench(json=True) == 0
    result = json.loads(capsys.readouterr().out)
    assert list(result) == ["machine", "peak_gflops", "sizes"] and list(result["sizes"]) == ["T"]
    row = result["sizes"]["T"]
    assert list(row) == ROW
    assert row["torch_train_images_per_second"] is row["train_ratio"] is row["forward_ratio"]
    assert row["train_ratio"] is None
    assert row["forward_images_per_second"] > 0 and row["train_images_per_second"] > 0
    done = row["train_images_per_second"] * flops(TINY.config, training=True)
    assert row["peak_share"] == pytest.approx(done / (result["peak_gflops"] * 1e9))
    assert 0 < row["optimizer_share"] < 1 and 0 <= row["data_share"] < 1
    assert 0 <= row["varied_data_share"] < 1
    assert row["peak_memory_bytes"] > 10_000
    facts = result["machine"]
    assert facts["workers"] in (1, 2) and facts["cores"] >= 1 and facts["processor"]
    assert facts["numpy_gflops"] == result["peak_gflops"]


def test_table_fits_the_page(bench, capsys):
    assert bench() == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    for words in (
        "training step",
        "half the patches",
        "forward only",
        "optimizer",
        "crop and flip",
        "all augmentation",
    ):
        assert any(line.startswith(words) for line in text.splitlines())
    assert "PyTorch" not in text


@pytest.fixture
def torch():
    """The module, on one thread: a busy machine makes its threads wait for each other."""
    module = pytest.importorskip("torch")
    threads = module.get_num_threads()
    module.set_num_threads(1)
    yield module
    module.set_num_threads(threads)


def test_against_torch_adds_its_columns(bench, capsys, monkeypatch, torch):
    from minivit.bench import torch_opponent

    plain = torch_opponent.rates
    monkeypatch.setattr(torch_opponent, "rates", lambda *args: plain(*args, least=0.001))
    assert bench(against="torch") == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    (line,) = [line for line in text.splitlines() if line.startswith("training step")]
    ours, theirs, ratio = line.split("|")
    first, second = (
        float(part.split()[i].replace(",", "")) for part, i in ((ours, 2), (theirs, 0))
    )
    assert float(ratio) == pytest.approx(first / second, rel=0.02, abs=0.006)
    assert "PyTorch" in text and "clip" in text


def test_opponent_is_the_same_model(torch):
    from minivit.bench.torch_opponent import Opponent, build

    for config in (TINY.config, Config(dim=32, depth=1, heads=4, mlp_dim=8, pool="mean")):
        numbers = sum(leaf.numel() for leaf in build(torch, config).parameters())
        assert numbers == parameters(config)
    opponent = Opponent(TINY)
    before = [leaf.detach().clone() for leaf in opponent.model.parameters()]
    opponent.train()
    moved = [
        not torch.equal(*pair) for pair in zip(before, opponent.model.parameters(), strict=True)
    ]
    assert all(moved)
    assert set(opponent.turn(least=0.001)) == {"train", "forward"}


def test_without_torch_one_sentence(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert run(minivit, ["bench", "--against", "torch"]) == 1
    line = "error: --against torch needs PyTorch: pip install torch\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--sizes", "A,F"], "--sizes: unknown size 'F'. Valid: A, B, C, D, E, "),
        (["--sizes", ""], "--sizes: unknown size ''. Valid: A, B, C, D, "),
        (["--runs", "0"], "--runs: must be a whole number of at least 1; got '0'."),
        (["--against", "jax"], "--against: unknown opponent 'jax'. Valid: torch."),
        (["--profile", "--against", "torch"], "--profile looks at minivit alone"),
        (["--profile", "--json"], "--json: not allowed with argument --profile."),
    ],
)
def test_wrong_usage(capsys, words, sentence):
    assert run(minivit, ["bench", *words]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {sentence}") and err.count("\n") == 1


def test_sizes_are_taken_once_each_and_in_small_letters_too():
    assert command.size_names("b, A,B") == ["B", "A"]


def test_nothing_but_the_opponent_imports_torch():
    code = "import sys, minivit.commands.bench; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_turns_alternate_and_medians_are_reported():
    order = []

    def side(name, times):
        times = iter(times)

        def turn(least):
            order.append(name)
            return {"train": next(times)}

        return types.SimpleNamespace(turn=turn)

    result = step.compare(side("ours", [1.0, 9.0, 2.0]), side("torch", [5.0, 4.0, 3.0]), runs=3)
    assert result == {"ours": {"train": 2.0}, "torch": {"train": 4.0}}
    assert order == ["ours", "torch", "torch", "ours", "ours", "torch"]


def test_rates_shares_and_ratios():
    medians = {
        "ours": {
            "train": 0.5,
            "half_patches": 0.25,
            "forward": 0.1,
            "optimizer_share": 0.01,
            "data_share": -0.02,
            "augmented_data_share": 0.03,
        },
        "torch": {"train": 1.0, "forward": 0.3},
    }
    row = Result(TINY, medians, {"ours": 100, "torch": 200}, peak=2.0).row()
    assert list(row) == ROW
    assert row["train_images_per_second"] == 16 and row["forward_images_per_second"] == 80
    assert row["half_patches_images_per_second"] == 32
    assert row["torch_train_images_per_second"] == 8
    assert row["train_ratio"] == 2 and row["forward_ratio"] == pytest.approx(3)
    assert row["peak_share"] == 16 * flops(TINY.config, training=True) / 2e9
    assert row["data_share"] == 0 and row["varied_data_share"] == 0.03
    assert row["peak_memory_bytes"] == 100


def test_half_of_the_patches_are_left_out_where_the_table_says_so_alone(monkeypatch):
    with Workers(1) as workers, closing(step.Bench(TINY, workers, dataset_size=8)) as bench:
        trainer, rates = bench.trainer, []

        def train_step(images, labels):
            trainer.step += 1
            rates.append(trainer.model_at(trainer.step).config.patch_dropout)

        monkeypatch.setattr(trainer, "train_step", train_step)
        for work in ("half_patches", "train", "run", "half_patches", "run_augmented"):
            getattr(bench, work)()
    assert rates == [0.5, 0, 0, 0.5, 0]


def test_peak_counts_two_operations_a_multiplication(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(
        peak, "timed", lambda function, wait: (function(), 0.5)[1] + 0 * next(clock)
    )
    with Workers(1) as workers:
        result = peak.rates({"one": (2, 3, 5)}, workers, runs=1, least=0.5)
    assert result == {"one": 2 * 2 * 3 * 5 / 0.5 / 1e9}


def test_shapes_are_those_of_the_linear_layers():
    result = peak.shapes({"T": TINY}, {"T": 3}, cube=7)
    rows = 3 * TINY.config.tokens
    assert result == {
        "7 cube": (7, 7, 7),
        "T qkv": (rows, 32, 96),
        "T proj": (rows, 32, 32),
        "T fc1": (rows, 32, 64),
        "T fc2": (rows, 64, 32),
    }


@pytest.mark.parametrize("threads", [1, 2])
def test_profile_adds_up_and_sees_all_products(threads):
    untouched = Linear.forward, Linear.backward
    result = profile.profile_step(TINY, Workers(threads, processes=False), steps=2)
    assert (Linear.forward, Linear.backward) == untouched
    total = sum(ms for row in result.rows.values() for ms, _ in row.values())
    assert total == pytest.approx(result.step_ms)
    for name in ("patch", "block.attn", "block.attn.qkv", "block.mlp.fc2", "head", "loss"):
        assert set(result.rows[name]) == {"forward", "backward"}
    assert {"normalise", "gradient sums", "clip, optimizer"} <= set(result.rows)
    for name in ("block.attn", "block.attn.qkv", "block.mlp.fc2", "head"):
        assert all(0 < products <= ms for ms, products in result.rows[name].values())
    assert all(products == 0 for _, products in result.rows["block.mlp.gelu"].values())
    assert 1 <= result.counted < 1.2  # products with ones, which sum, come on top
    assert 0 < result.product_share < 1
    assert max(map(len, table.profile_text("T", TINY, result).splitlines())) <= 80


@pytest.mark.parametrize("threads", [1, 2])
def test_profile_of_a_stem_sees_its_layers_and_all_products(threads):
    result = profile.profile_step(STEM, Workers(threads, processes=False), steps=2)
    for name in ("stem", "stem.conv1", "stem.norm1", "stem.gelu", "stem.conv2", "stem.norm2"):
        assert set(result.rows[name]) == {"forward", "backward"}
    for name in ("stem.conv1", "stem.conv2"):
        assert all(0 < products <= ms for ms, products in result.rows[name].values())
    assert 1 <= result.counted < 1.2


def test_the_share_of_the_stem_is_measured_where_there_is_one(capsys):
    with Workers(1) as workers:
        with closing(step.Bench(STEM, workers, dataset_size=8)) as bench:
            assert 0 < bench.stem_share() < 1
            values = bench.turn(least=0.001)
        with closing(step.Bench(TINY, workers, dataset_size=8)) as bench:
            assert bench.stem_share() is None and "stem_share" not in bench.turn(least=0.001)
    result = Result(STEM, {"ours": values}, {}, peak=1.0)
    assert result.row()["stem_share"] == values["stem_share"]
    lines = table.size_text("S", result).splitlines()
    (line,) = (line for line in lines if line.startswith("stem"))
    assert f"{values['stem_share']:.1%}" in line and "stem small, D 32" in lines[0]


def test_profiled_steps_learn_what_others_learn():
    losses = []
    for watched in (False, True):
        with Workers(1) as workers:
            one = step.Bench(TINY, workers, dataset_size=8)
            if watched:
                profile.watch_products(one.trainer, Stopwatch())
            for _ in range(3):
                one.train()
            losses.append(one.trainer.read_sums()["loss"])
    assert losses[0] == losses[1]


def test_profile_command(bench, capsys):
    assert bench(profile=True) == 0
    text = capsys.readouterr().out
    assert "matrix products" in text and "block.attn.qkv" in text and "peak" not in text


def test_stopwatch_keeps_apart_what_calls_each_other():
    watch = Stopwatch()
    thing = types.SimpleNamespace(inner=lambda: time.sleep(0.02))
    thing.outer = lambda: (time.sleep(0.01), thing.inner())
    with (
        watching(thing, "inner", lambda: "inner", watch),
        watching(thing, "outer", lambda: "outer", watch),
    ):
        thing.outer()
    thing.outer()
    inner, outer = watch.totals["inner"], watch.totals["outer"]
    assert inner.calls == outer.calls == 1
    assert outer.inclusive >= 0.03 and inner.inclusive >= 0.02
    assert outer.own == pytest.approx(outer.inclusive - inner.inclusive)


def test_peak_memory_is_the_steps_own():
    ballast = np.ones(40_000_000)  # 320 MB: a child on Linux inherits its parent's ru_maxrss
    small = memory.peak_bytes("ours", TINY, threads=1)
    assert 10_000 < small < ballast.nbytes / 4
    larger = Size(Config(dim=64, depth=2, heads=2, mlp_dim=128), 64)
    assert memory.peak_bytes("ours", larger, threads=1) > small


def test_plain_cupy_path(bench, monkeypatch, capsys):
    properties = {"name": b"a GPU"}
    runtime = types.SimpleNamespace(
        deviceSynchronize=lambda: None,
        getDevice=lambda: 0,
        getDeviceProperties=lambda device: properties,
    )
    monkeypatch.setattr(strict_cupy, "cuda", types.SimpleNamespace(runtime=runtime), raising=False)
    monkeypatch.setattr(strict_cupy, "__version__", "14", raising=False)
    monkeypatch.setattr(command, "select", lambda device: strict_cupy)
    monkeypatch.setattr(memory, "peak_bytes", lambda *_: None)
    assert bench(device="gpu") == 0
    text = capsys.readouterr().out
    assert "a GPU, CuPy 14" in text and "the plain layers" in text and "unknown" in text
    assert max(map(len, text.splitlines())) <= 80
    assert bench(device="gpu", profile=True) == 0
    assert "not told apart on a GPU" in capsys.readouterr().out


@pytest.mark.parametrize(("load", "noted"), [(None, False), (0.4, False), (3.0, True)])
def test_busy_note(monkeypatch, load, noted):
    monkeypatch.setattr(machine, "available_cores", lambda: 2)
    monkeypatch.setattr(machine, "load_average", lambda: load)
    assert bool(machine.busy_note()) == noted
