"""How many passes a comparison's runs get, from the minutes that all of them may take."""

import tempfile
import time
from pathlib import Path

from ..errors import ConfigError
from ..text import counted
from ..training.early_steps import share_of_work
from ..training.run import Run
from .table import MOST_PASSES, passes_of, share_of

SECONDS = 2.0  # of training steps by which a row's speed is measured
EVALUATION = 1.1  # validation, the test and checkpoints take a tenth more


def runs_of(table, seeds):
    """Every run of a table as (row, try, seed), in turns: all rows of a seed, then the next.

    The first seed has all tries of a row; the others only the best of them, so try is None.
    """
    for seed in range(seeds):
        for row in table.rows:
            if seed == 0 or len(row.tries) == 1:
                yield from ((row, change, seed) for change in row.tries)
            else:
                yield row, None, seed


def whole_passes(table, seeds, seconds, training):
    """Seconds that all runs take for one pass each, where a run on all images gets one.

    seconds: {row's name or "begin NAME": seconds of a pass over all images}.
    """
    total, begun = 0.0, set()
    for row, _, seed in runs_of(table, seeds):
        most = min(MOST_PASSES, 1 / share_of(row, training))
        total += seconds[row.name] * share_of(row, training) * most
        if row.begin is not None and (key := (begin_name(row), seed)) not in begun:
            begun.add(key)
            total += seconds[key[0]]
    return total * EVALUATION


def begin_name(row):
    """The name of the run that a row begins with, the same for rows that share it."""
    return "-".join(["begin", *(f"{name}-{value}" for name, value in sorted(row.begin.items()))])


def passes_for(minutes, seconds):
    """How many passes fit into so many minutes, where one takes `seconds`.

    Raises ConfigError where not one does.
    """
    passes = int(minutes * 60 / seconds)
    if passes < 1:
        raise ConfigError(
            f"--budget {minutes:g} is too short: one pass of every run takes about "
            f"{seconds / 60:.1f} minutes here; give at least that, or fewer --seeds, or a smaller "
            "--preset"
        )
    return passes


def seconds_of_a_pass(plan_of, dataset, workers):
    """Train a little of one run, and throw it away -> seconds that a pass over all images takes.

    plan_of: a function, directory -> the `Plan` of the run for one epoch.
    """
    with tempfile.TemporaryDirectory() as place:
        plan = plan_of(Path(place) / "run")
        run = Run(plan, dataset, workers)
        trainer, started, first = run.trainer, None, 0.0
        for images, targets in run.batches(1):
            trainer.train_step(images, targets)
            if started is None:  # the first step makes memory; it does not count
                started, first = time.perf_counter(), share_of_work(trainer, trainer.step)
            elif time.perf_counter() - started > SECONDS:
                break
        done, seconds = share_of_work(trainer, trainer.step) - first, time.perf_counter() - started
    return seconds / done if done > 0 else SECONDS


def described(table, passes, training, seeds):
    """What the runs are, in words."""
    shares = {passes_of(row, training, passes) for row in table.rows}
    more = f"; up to {max(shares)} where there are fewer images" if max(shares) > passes else ""
    return (
        f"{counted(sum(1 for _ in runs_of(table, seeds)), 'run')}, {counted(seeds, 'seed')}, "
        f"{passes} pass{'es' * (passes > 1)} over {training:,} images{more}"
    )
