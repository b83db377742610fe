"""Prediction, timed: by the door that users call, with what PyTorch's side does beside it."""

import json
from argparse import Namespace

import numpy as np
import pytest

from minivit import Config, ConfigError, arranged
from minivit.__main__ import main as minivit
from minivit.bench import inference, machine, table
from minivit.bench.inference import INFERENCE_SIZES, Predictor, Speed
from minivit.bench.sizes import SIZES, Size
from minivit.commands import bench as command
from minivit.commands.exits import run
from minivit.costs import parameters
from minivit.parallel.workers import Workers

TINY = Size(Config(image_size=8, dim=32, depth=2, heads=2, mlp_dim=64), 8)
ROW = [
    *("batch", "images_per_second", "plain_images_per_second", "torch_images_per_second", "ratio"),
    *("latency_ms", "plain_latency_ms", "torch_latency_ms", "latency_ratio"),
]


def bench(**options):
    """Run the command on a tiny size, quickly."""
    given = {"against": None, "runs": 2, "threads": 2, "device": "cpu", "sizes": None}
    given |= {"json": False, "profile": False, **options}
    return command.predictions(Namespace(**given), seconds=0.001, sizes={"T": TINY})


def test_sizes_are_those_of_training_and_the_published_ones():
    assert list(INFERENCE_SIZES) == ["A", "B", "C", "D", "E", "Ti/16", "S/16", "B/32", "B/16"]
    assert {name: INFERENCE_SIZES[name] for name in SIZES} == SIZES
    counts = {"Ti/16": 5_717_416, "S/16": 22_050_664, "B/32": 88_224_232, "B/16": 86_567_656}
    for name, count in counts.items():
        c = INFERENCE_SIZES[name].config
        assert (c.image_size, c.classes, c.pool) == (224, 1000, "class")
        assert parameters(c) == count  # as timm's models with these names have


def test_it_times_what_users_call_on_a_batch_and_on_one_image(monkeypatch):
    predictor, seen = Predictor(TINY, workers=1), []

    def outputs(self, images, workers):
        seen.append((images.shape, images.dtype, workers))

    monkeypatch.setattr(inference.Trained, "outputs", outputs)
    turn = predictor.turn(least=1e-9)
    assert list(turn) == ["batch", "one"] and all(seconds > 0 for seconds in turn.values())
    assert seen == [((n, 8, 8, 3), np.uint8, 1) for n in (8, 8, 1, 1)]  # warm-up, then timed


def test_rates_and_ratios():
    medians = {"ours": {"batch": 0.5, "one": 0.1}, "torch": {"batch": 1.0, "one": 0.05}}
    speed = Speed(TINY, medians | {"plain": {"batch": 0.8, "one": 0.2}})
    row = speed.row()
    assert list(row) == ROW
    assert row["images_per_second"] == 16 and row["torch_images_per_second"] == 8
    assert row["latency_ms"] == 100 and row["torch_latency_ms"] == 50
    assert row["plain_images_per_second"] == 10 and row["plain_latency_ms"] == 200
    assert row["ratio"] == 2 and row["latency_ratio"] == 0.5
    assert table.speed_text("T", speed).split() == [
        *("T", "8", "16.0", "8.0", "2.00", "|", "100.00", "50.00", "0.50"),
        *("plain", "10.0", "8.0", "1.25", "|", "200.00", "50.00", "0.25"),
    ]
    assert table.speed_text("T", Speed(TINY, medians)).count("\n") == 0


def test_the_plain_side_is_plain(monkeypatch):
    arrangements, plain = [], arranged.outputs
    monkeypatch.setattr(arranged, "outputs", lambda *a: arrangements.append(1) or plain(*a))
    Predictor(TINY, 1, plain=True).turn(least=1e-9)
    assert not arrangements
    Predictor(TINY, 1).turn(least=1e-9)
    assert arrangements


def test_table_fits_the_page(capsys):
    assert bench() == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80 and not any("PyTorch" in line for line in lines)
    kind = machine.describe(Workers(), np)["worker_kind"]
    assert any(line.startswith(f"workers      {kind}: ") for line in lines)
    (line,) = [line for line in lines if line.startswith("T ")]
    assert len(line.split()) == 5 and any(line.startswith(" plain ") for line in lines)
    most = Speed(TINY, {side: {"batch": 8e-5, "one": 9.9999} for side in ("ours", "torch")})
    assert len(table.speed_text("Ti/16", most)) <= 80


def test_json_is_one_object(capsys):
    assert bench(json=True) == 0
    result = json.loads(capsys.readouterr().out)
    assert list(result) == ["machine", "inference"] and list(result["inference"]) == ["T"]
    row = result["inference"]["T"]
    assert list(row) == ROW and row["ratio"] is row["torch_latency_ms"] is None
    assert row["images_per_second"] > 0 and row["latency_ms"] > 0
    assert result["machine"]["worker_kind"] == machine.describe(Workers(), np)["worker_kind"]


def test_against_torch(capsys):
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    try:
        assert bench(against="torch", threads=1) == 0
        assert torch.get_num_threads() == 1  # as many as minivit's workers
    finally:
        torch.set_num_threads(threads)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    (line,) = [line for line in lines if line.startswith("T ")]
    ours, theirs, ratio = (float(cell.replace(",", "")) for cell in line.split()[2:5])
    assert ratio == pytest.approx(ours / theirs, rel=0.02, abs=0.006)


def test_the_opponent_only_predicts():
    torch = pytest.importorskip("torch")
    from minivit.bench.torch_opponent import InferenceOpponent

    opponent = InferenceOpponent(TINY)
    model, modes, counts = opponent.model, [], []

    def watched(images):
        modes.append((torch.is_inference_mode_enabled(), model.training))
        counts.append(len(images))
        return model(images)

    opponent.model = watched
    assert list(opponent.turn(least=1e-9)) == ["batch", "one"]
    assert set(modes) == {(True, False)} and counts == [8, 8, 1, 1]


@pytest.mark.parametrize("words", [["--profile"], ["--device", "gpu"]])
def test_what_it_does_not_measure_is_said(words, capsys):
    assert run(minivit, ["bench", "--inference", *words]) == 2
    sentence = f"error: --inference measures predictions on the CPU: leave out {' '.join(words)}\n"
    assert capsys.readouterr().err == sentence


def test_a_published_size_is_not_trained():
    with pytest.raises(ConfigError, match="size B/16 is measured with --inference only"):
        command.size_of("B/16", SIZES)
