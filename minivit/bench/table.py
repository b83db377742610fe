"""The results as text, 80 columns wide."""

from ..costs import flops
from ..text import binary, decimal

LINE = "{:<17}{:>10}{:>9}{:>9}  |{:>11}{:>9}  |{:>8}"
PROFILE = "{:<27}{:>11}{:>10}{:>11}{:>10}{:>9}"
SPEED = "{:<8}{:>6}{:>12}{:>11}{:>8}  |{:>11}{:>11}{:>8}"
SPEED_ALONE = "{0:<8}{1:>6}{2:>12}  |{5:>11}"
SPEED_NOTES = """\
Ours is minivit.load(...).outputs(images, workers), as predict and shift call
it: it takes bytes and normalises them
plain: the layers as they are read and trained, from weights that may change"""
SPEED_FAIRNESS = """\
PyTorch's takes prepared float images, in inference_mode. Turns alternate;
ratio: how many times as fast ours is"""
NOTES = """\
share        for the step and for forward: of the peak (FLOPs of the model's
             matrix products; training is 3 x forward); for the optimizer, with
             clipping and gradient sums, and for the stem, forward and backward:
             of the step's time; for crop and flip, and for all augmentation
             (RandAugment, erasing, MixUp, CutMix): how much slower a step is
             when its batch is prepared that way
peak memory  how far it rises above the built model in five steps, each side
             in a process of its own"""
FAIRNESS = """\
PyTorch      its step takes prepared float images and does not clip; ours takes
             bytes, normalises and clips. Turns alternate; ratio: ours to its"""


def machine_text(facts):
    """The machine and its libraries. facts: from `measure.facts`."""
    vectors = f", {facts['vectors']}" if facts["vectors"] else ""
    kernels = f", {facts['kernels']} kernels" if facts["kernels"] else ""
    own = f"; threads: {facts['blas_threads']}" if facts["blas_threads"] else ""
    lines = [f"machine      {facts['processor']}{vectors}; cores: {facts['cores']}"]
    if facts["device"] == "cpu":
        lines.append(f"NumPy        {facts['numpy']}, {facts['blas']}{kernels}{own}")
        lines.append(
            f"workers      {facts['worker_kind']}: {facts['workers']}; Python {facts['python']}"
        )
    else:
        lines.append(f"device       {facts['device']}")
        lines.append(f"             {facts['layers']}; float32")
    if facts.get("torch"):
        lines.append(f"PyTorch      {facts['torch']} eager; threads: {facts['torch_threads']}")
    return "\n".join(lines)


def peaks_text(ours, torch, peak):
    """The best rate of float32 matrix products in each library, and the peak.

    ours, torch: {shape: GFLOP/s}; peak: GFLOP/s.
    """

    def best(rates):
        name = max(rates, key=rates.get)
        cube = next(rate for shape, rate in rates.items() if shape.endswith("cube"))
        return f"{rates[name]:,.0f} GFLOP/s (at {name}; {cube:,.0f} for a large cube)"

    lines = [f"products     {'ours':<8}{best(ours)}"]
    lines += [f"             {'PyTorch':<8}{best(torch)}"] if torch else []
    lines.append(f"peak         {peak:,.0f} GFLOP/s, the best of all: 100% below")
    return "\n".join(lines)


def size_text(name, result):
    """The table of the `Result` of size `name`."""
    against = "torch" in result.medians
    our_memory, their_memory = result.memory.get("ours"), result.memory.get("torch")
    optimizer = result.medians["ours"]["optimizer_share"]
    augmented = result.data_share("augmented_data_share")
    update = 1e3 * optimizer * result.medians["ours"]["train"]
    lines = [
        (f"size {name}", "images/s", "ms", "share", "PyTorch", "ms", "ratio"),
        _timed("training step", result, "train", result.share("train")),
        _timed("half the patches", result, "half_patches"),
        _timed("forward only", result, "forward", result.share("forward")),
        *(_plain(result, work) for work in ("train", "forward") if "plain" in result.medians),
        ("optimizer", "", f"{update:.1f}", f"{optimizer:.1%}", "", "", ""),
        *_stem(result),
        _timed("crop and flip", result, "prepare", result.data_share()),
        _timed("all augmentation", result, "prepare_augmented", augmented),
        (
            *("peak memory", binary(our_memory) if our_memory else "unknown", "", ""),
            *(binary(their_memory) if their_memory else "", ""),
            f"{our_memory / their_memory:.2f}" if our_memory and their_memory else "",
        ),
    ]
    lines = [LINE.format(*cells) for cells in lines]
    if not against:
        lines = [line.partition("|")[0] for line in lines]
    cost = decimal(flops(result.size.config, training=True))
    head = [f"{name}: {result.size}", f"   {cost}FLOPs of matrix products an image in training"]
    return "\n".join([*head, *(line.rstrip() for line in lines)])


def _stem(result):
    """The line of the stem, where there is one."""
    ours = result.medians["ours"]
    if "stem_share" in ours:
        share = ours["stem_share"]
        yield ("stem", "", f"{1e3 * share * ours['train']:.1f}", f"{share:.1%}", "", "", "")


def _plain(result, work):
    """The cells of one kind of work with the plain layers."""
    rate, seconds = result.rate(work, "plain"), result.medians["plain"][work]
    return (f"plain layers {work}"[:17], f"{rate:,.0f}", f"{1e3 * seconds:.1f}", "", "", "", "")


def _timed(label, result, work, share=None):
    """The cells of one kind of work: ours, and the opponent's where it does the same."""
    cells = [label]
    for side in ("ours", "torch"):
        seconds = result.medians.get(side, {}).get(work)
        cells += (
            [f"{result.rate(work, side):,.0f}", f"{1e3 * seconds:.1f}"] if seconds else [""] * 2
        )
        cells += ["" if share is None else f"{share:.1%}"] if side == "ours" else []
    compared = work in result.medians.get("torch", {})
    return (*cells, f"{result.ratio(work):.2f}" if compared else "")


def speeds_head(against):
    """The two lines above the table of predictions. against: whether there is an opponent."""
    form = SPEED if against else SPEED_ALONE
    over = form.format("", "", "images/s", "", "", "ms of one", "", "")
    theirs = "PyTorch", "ratio"
    head = form.format("size", "batch", "in batches", *theirs, "alone", *theirs)
    return f"{over.rstrip()}\n{head}"


def speed_text(name, speed):
    """The lines of the `inference.Speed` of size `name`: ours, and the plain layers."""
    lines = [_speed(speed, "ours", name, str(speed.size.batch))]
    lines += [_speed(speed, "plain", " plain", "")] if "plain" in speed.medians else []
    return "\n".join(lines)


def _speed(speed, side, *cells):
    """The line of one side, beside PyTorch if that was measured. cells: its first two."""
    for work, value, form in (("batch", speed.rate, ",.1f"), ("one", speed.latency, ",.2f")):
        theirs, ratio = value("torch"), speed.ratio(work, side)
        cells += (format(value(side), form),)
        cells += (format(theirs, form), f"{ratio:.2f}") if theirs else ("", "")
    return (SPEED if "torch" in speed.medians else SPEED_ALONE).format(*cells)


def profile_text(name, size, profile):
    """A Profile of a Size: ms of wall time a step, and the part of it in matrix products."""
    lines = [
        f"{name}: {size}",
        PROFILE.format("ms a step", "forward", "products", "backward", "products", "share"),
    ]
    for row, directions in profile.rows.items():
        cells = []
        for direction in ("forward", "backward"):
            spent, products = directions.get(direction, (0.0, 0.0))
            cells += [f"{spent:.2f}" if spent else "", f"{products:.2f}" if products else ""]
        lines.append(PROFILE.format(row, *cells, f"{profile.share(row):.1%}"))
    lines.append(f"a step: {profile.step_ms:.1f} ms watched, {profile.plain_ms:.1f} ms unwatched")
    if profile.counted is None:
        lines.append("matrix products are not told apart on a GPU")
    else:
        rest = 1 - profile.product_share
        lines.append(
            f"matrix products {profile.product_share:.1%} of it, everything else {rest:.1%}\n"
            f"products seen: {profile.counted:.1%} of the model's FLOPs (sums are products too)"
        )
    return "\n".join(lines)
