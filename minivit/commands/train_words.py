"""What `train` says before a run and after it."""

from ..config import Config
from ..objective import deciding_metric
from ..parallel import blas
from ..residual import ResidualConfig
from ..text import counted, printable
from ..training.feeding import idle_note
from ..training.recipe import Recipe

# Fields that the first lines of a run name where they differ from the defaults.
EXTRAS = """patch_overlap dropout drop_path patch_dropout crop policy erasing mixup cutmix
    early_drop early_size ema whiten init freeze layer_decay patience
    train_fraction""".split()


LISTED = 10  # names of targets


def introduce(run, device):
    """Say what is about to happen, and on which device."""
    dataset, plan, c = run.dataset, run.plan, run.plan.config
    blas_note = "" if device == "GPU" else blas.note(threads=False)
    start_note = plan.start.note if plan.start else ""
    all_workers = run.workers.count * run.ranks.size
    feeding = run.trainer.recipe, all_workers, len(run.training)
    idle = idle_note(plan.config, *feeding) if device != "GPU" else ""
    notes = getattr(run.objective, "note", ""), idle, *plan.notes, *run.record.notes
    for note in (dataset.note, blas_note, start_note, *notes):
        if note:
            print(note)
    print(
        f"{dataset.name}: {len(run.training):,} training, {len(run.validation):,} validation, "
        f"{counted(len(dataset.test_images), 'test image')}, {outputs(run)}"
    )
    print(f"{model_words(c, plan.preset)}, {parameters(run.trainer.weights)}")
    values = {**c.to_dict(), **plan.recipe.to_dict()}
    defaults = {**Config().to_dict(), **Recipe().to_dict()}
    if not values.get("augment", True):  # then nothing is cropped
        values["crop"] = defaults["crop"]
    extras = [n for n in EXTRAS if values.get(n, defaults[n]) != defaults[n]]
    if extras:
        settings = Config.settings() | Recipe.settings()
        shown = {name: settings[name].in_words(values[name]) for name in extras}
        words = [name if values[name] is True else f"{name} {shown[name]}" for name in extras]
        print(f"with {', '.join(words).replace('_', ' ')}")
    epochs, steps = counted(plan.recipe.epochs, "epoch"), counted(run.steps_per_epoch, "step")
    print(f"{epochs} of {steps} on {device}, writing to {plan.directory.path}", flush=True)


def model_words(config, preset):
    """The model and its sizes."""
    if isinstance(config, ResidualConfig):
        return config.in_words
    c = config
    return (
        f"ViT {preset}: width {c.dim}, {counted(c.depth, 'block')}, {counted(c.heads, 'head')}, "
        f"MLP {c.mlp_dim}, patch {Config.settings()['patch_size'].in_words(c.patch_size)}"
    )


def outputs(run):
    """What the model says of an image, in words."""
    if run.dataset.classes:
        return f"{len(run.dataset.classes)} classes"
    names = [printable(name) for name in getattr(run.objective, "targets", ())]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{run.objective.name} of {', '.join(names[:LISTED])}{more}"


def parameters(weights):
    """How many there are, and how many of them learn where not all do."""
    learning = len(weights.vector)
    some = f", of which {learning:,} learn" if learning < weights.count else ""
    return f"{weights.count:,} parameters{some}"


def conclude(plan, name, objective, values, taken):
    """Print the result on the data set `name`, as the objective judges it, and where it is -> 0.

    taken: the epoch whose weights were tested, if it is not the last one, else 0.
    """
    decides = deciding_metric(objective)
    others = [m.text(values[m.name]) for m in objective.metrics if m != decides and not m.detail]
    weights = "running mean of the weights" if plan.recipe.ema else "final weights"
    weights = f"weights of epoch {taken}, the best" if taken else weights
    result = f"{decides.name} {decides.number(values[decides.name])}"
    print(f"{name} test {result} ({', '.join([*others, weights])})")
    if hasattr(objective, "remark"):
        print(objective.remark(values))
    print(f"weights, metrics and curves are in {plan.directory.path}")
    return 0
