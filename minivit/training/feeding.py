"""How many workers a run can feed: a worker takes whole micro-batches, so more have no work."""

from ..models import model_of
from ..text import counted
from .early_steps import early_model
from .micro_batches import micro_batches


def feeds(config, recipe, batch=None):
    """For how many workers every step on `batch` images, by default a run's own, has work."""
    models = [model_of(config)]
    if 0 < recipe.early_share:
        models.append(early_model(models[0], recipe.early_drop, recipe.early_size))
    batch = batch or recipe.batch_size
    return min(len(micro_batches(m.config, batch, recipe.micro_batch)) for m in models)


def idle_note(config, recipe, workers, images):
    """One line about workers without work, and which options would give them some; "" if none.

    workers: of all ranks together; images: those of an epoch, more than which no batch has.
    """
    batch, fewest = recipe.batch_size, feeds(config, recipe)
    if fewest >= workers:
        return ""
    idle, verb = counted(workers - fewest, "worker"), "has" if workers - fewest == 1 else "have"
    options = [f"--micro-batch {batch // workers}"] if workers <= batch else []
    larger = (batch << shift for shift in range(1, 8) if batch << shift <= images)
    if enough := next((size for size in larger if feeds(config, recipe, size) >= workers), None):
        options.append(f"--batch-size {enough}")
    advice = f"; for a new run, {' or '.join(options)} gives them some" if options else ""
    steps = f"steps of {counted(fewest, 'micro-batch').replace('batchs', 'batches')}"
    return f"note: {idle} of {workers} {verb} no work in {steps}{advice}"
