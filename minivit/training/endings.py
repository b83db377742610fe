"""How a run ends before its last step, in words: what happened, where, and how to go on."""

import signal
from contextlib import contextmanager

import numpy as np

from ..arrays import tree
from ..errors import DivergedError
from .signals import Interrupted, Interrupts


@contextmanager
def endings(directory, workers):
    """Around the steps of a run: yields the `Interrupts`; what ends it early says how to go on.

    Raises Interrupted after a second signal. Another error passes through, with a note that the
    command line prints too: how to go on from what was saved last.
    """
    with Interrupts() as stop:
        try:
            yield stop
        except Interrupted:
            raise
        except KeyboardInterrupt:  # a second one: what was saved last is what there is
            words = f"stopped at once; {directory.how_to_resume}"
            raise Interrupted(words, stop.number or signal.SIGINT) from None
        except DivergedError:
            raise  # from there it would diverge again
        except Exception as error:
            if not directory.lost and "--resume" not in str(error):
                words = f"What was saved is good; {directory.how_to_resume}"
                if isinstance(error, MemoryError):
                    words = f"Sizes are for a new run. {words}"
                    words += " --threads 1, which needs less memory" * (workers.count > 1)
                error.add_note(words)
            raise


def leave(stop, trainer, directory):
    """Raise Interrupted, saying how to go on."""
    done = f"stopped after step {trainer.step} of {trainer.steps}"
    stop.leave(f"{done}; {directory.how_to_resume}")


def diverged(trainer, directory, epoch, step):
    """The error that says at which step the loss was lost, in which tensor, and what is left."""
    sums = trainer.gradient_sums.vectors[0]
    trainer.ranks.spread(sums, trainer.update.regions)
    tensor = lost_tensor(trainer)
    left = f"the last good checkpoint is {directory.last}"
    if directory.lost:
        left = f"there is no checkpoint, because {directory.path} was removed or replaced"
    return DivergedError(
        f"the loss is no longer finite at step {step} of {trainer.steps} (epoch {epoch})"
        f"{tensor and f': {tensor} is not finite'}; {left}. "
        "Try a lower --lr or a longer --warmup."
    )


def lost_tensor(trainer):
    """The first weights that are not finite, or else the first gradient; "" if all are.

    Gradients in the order in which backward computes them: it starts at the head.
    """
    weights, gradients = list(tree.walk(trainer.params)), list(tree.walk(trainer.gradients))
    named = [*weights, *((f"the gradient of {name}", leaf) for name, leaf in reversed(gradients))]
    return next((name for name, leaf in named if not trainer.xp.isfinite(leaf).all()), "")


def finite_result(result, directory):
    """The test's metrics. Raises DivergedError if one of them is not finite."""
    for name, value in result.items():
        if not np.isfinite(value):
            raise DivergedError(
                f"the test {name} is {value}: the weights in {directory.last} are finite, but "
                "too large to compute with. Try a lower --lr or a longer --warmup."
            )
    return result
