"""A rank prepares its own images of a batch, as they are when one rank prepares them all."""

from dataclasses import replace

import numpy as np
import pytest
from small_runs import RECIPE, make_run
from thread_ranks import ThreadRank

from minivit.parallel.cuts import cut_into
from minivit.parallel.workers import Workers
from minivit.ranks.ranks import ALONE


@pytest.mark.parametrize("size", [2, 3, 7])
def test_a_rank_prepares_the_images_that_it_learns_from(size, tmp_path, monkeypatch):
    """Also in the steps of the early model, whose batches are cut elsewhere."""
    monkeypatch.setattr(np, "empty", np.zeros)  # so that what is not prepared is black
    recipe = replace(RECIPE, batch_size=6, early_drop=0.5, early_share=0.4)  # 2 of 6 steps
    with Workers(1) as workers:
        run = make_run(tmp_path / "run", workers, recipe=recipe)
    trainer = run.trainer
    assert trainer.steps == 6 and trainer.model_at(2) is not trainer.model_at(3)

    def cuts(count, config):
        return cut_into(count, min(count, 4 if config is trainer.model.config else 3))

    monkeypatch.setattr(trainer, "micro_batches", cuts)
    for epoch in range(2):
        run.record.epochs_done, trainer.step = epoch, 3 * epoch + 1  # resumed within an epoch
        every = list(run.batches(epoch + 1))
        assert len(every) == 2
        for rank in range(size):
            monkeypatch.setattr(trainer, "ranks", ThreadRank(rank, size, {}))
            monkeypatch.setattr(run, "ranks", trainer.ranks)
            mine = list(run.batches(epoch + 1))
            for step, (part, whole) in enumerate(zip(mine, every, strict=True), trainer.step + 1):
                count = len(whole[0])
                own = run.ranks.own(cuts(count, trainer.model_at(step).config))[1]
                np.testing.assert_array_equal(part[0][own], whole[0][own])
                np.testing.assert_array_equal(part[1], whole[1])
                others = np.delete(part[0], np.arange(count)[own], axis=0)
                assert not others.any()
        for each in (run, trainer):
            monkeypatch.setattr(each, "ranks", ALONE)
