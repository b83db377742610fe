"""How many workers a run has work for, and what it says when some have none."""

import pytest

from minivit.models import config_of
from minivit.training.feeding import feeds, idle_note
from minivit.training.presets import PRESETS
from minivit.training.recipe import Recipe


def chosen(preset, **recipe):
    return config_of(PRESETS[preset].model), Recipe(**{**PRESETS[preset].recipe, **recipe})


@pytest.mark.parametrize("preset", PRESETS)
def test_the_advice_feeds_all_workers(preset):
    for count in (2, 8, 16, 32):
        said = idle_note(*chosen(preset), count, 9999)
        assert bool(said) == (feeds(*chosen(preset)) < count)
        words = said.split()
        for option, name in (("--micro-batch", "micro_batch"), ("--batch-size", "batch_size")):
            if option in words:
                better = chosen(preset, **{name: int(words[words.index(option) + 1])})
                assert idle_note(*better, count, 9999) == ""


def test_the_early_steps_count_too():
    config, recipe = chosen("tiny", early_drop=0.75)  # of so few patches eighths are too small
    assert feeds(config, recipe) == 4 < feeds(*chosen("tiny", early_drop=0.0))


def test_eight_workers_have_work_in_every_preset():
    for preset in PRESETS.keys() - {"finetune"}:  # that has the sizes of the model it begins with
        assert feeds(*chosen(preset)) >= 8, preset
    assert feeds(*chosen("small", batch_size=16)) == 4  # not of micro-batches that are too small


def test_the_words():
    made = chosen("smoke", micro_batch=32)
    assert idle_note(*made, 8, 9999) == (
        "note: 4 workers of 8 have no work in steps of 4 micro-batches; for a new run, "
        "--micro-batch 16 or --batch-size 256 gives them some"
    )
    assert "note: 1 worker of 5 has no work" in idle_note(*made, 5, 9999)
    alone = chosen("smoke", batch_size=1)
    assert idle_note(*alone, 999, 9999).endswith("in steps of 1 micro-batch")


def test_no_batch_has_more_images_than_there_are():
    made = chosen("smoke", batch_size=40, micro_batch=10)
    assert idle_note(*made, 8, 80).endswith("--micro-batch 5 or --batch-size 80 gives them some")
    assert idle_note(*made, 8, 79).endswith("for a new run, --micro-batch 5 gives them some")
