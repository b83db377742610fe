"""The results on paper, 80 columns wide."""

from ..costs import flops
from ..text import binary, decimal

LINE = "{:<17}{:>10}{:>9}{:>9}  |{:>11}{:>9}  |{:>8}"
PROFILE = "{:<27}{:>11}{:>10}{:>11}{:>10}{:>9}"
NOTES = """\
share        of the peak for the step and for forward (FLOPs of the matrix
             products by formula; training is 3 x forward); of the step's
             time for the optimizer, with clipping and gradient sums; of crop
             and flip, and of RandAugment, erasing, MixUp and CutMix besides,
             how much slower a step becomes whose batch is so prepared
peak memory  how far it rises above the built model in five steps, each side
             in a process of its own"""
FAIRNESS = """\
PyTorch      its step takes prepared float images and does not clip; ours takes
             bytes, normalises and clips. Turns alternate; ratio: ours to its"""


def machine(facts):
    """What computes here. facts: `machine.describe`, and both libraries' rates by product."""
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
        lines.append("             the plain layers on CuPy: eager, float32, no own kernels")
    if facts.get("torch"):
        lines.append(f"PyTorch      {facts['torch']} eager; threads: {facts['torch_threads']}")
    return "\n".join(lines)


def peaks(ours, torch, peak):
    """The rates of float32 matrix products, best of each library, and the peak."""

    def best(rates):
        name = max(rates, key=rates.get)
        cube = next(rate for shape, rate in rates.items() if shape.endswith("cube"))
        return f"{rates[name]:,.0f} GFLOP/s (at {name}; {cube:,.0f} for a large cube)"

    lines = [f"products     {'ours':<8}{best(ours)}"]
    lines += [f"             {'PyTorch':<8}{best(torch)}"] if torch else []
    lines.append(f"peak         {peak:,.0f} GFLOP/s, the best of all: 100% below")
    return "\n".join(lines)


def size(name, result):
    """The table of the `Result` of size `name`."""
    against, kept = "torch" in result.medians, result.memory.get("ours")
    theirs = result.memory.get("torch")
    optimizer = result.medians["ours"]["optimizer_share"]
    varied = result.data_share("varied_data_share")
    update = 1e3 * optimizer * result.medians["ours"]["train"]
    lines = [
        (f"size {name}", "images/s", "ms", "share", "PyTorch", "ms", "ratio"),
        _timed("training step", result, "train", result.share("train")),
        _timed("half the patches", result, "fewer"),
        _timed("forward only", result, "forward", result.share("forward")),
        ("optimizer", "", f"{update:.1f}", f"{optimizer:.1%}", "", "", ""),
        _timed("crop and flip", result, "prepare", result.data_share()),
        _timed("all augmentation", result, "prepare_varied", varied),
        (
            *("peak memory", binary(kept) if kept else "unknown", "", ""),
            *(binary(theirs) if theirs else "", ""),
            f"{kept / theirs:.2f}" if kept and theirs else "",
        ),
    ]
    lines = [LINE.format(*cells) for cells in lines]
    if not against:
        lines = [line.partition("|")[0] for line in lines]
    cost = decimal(flops(result.size.config, training=True))
    head = [f"{name}: {result.size}", f"   {cost}FLOPs of matrix products an image in training"]
    return "\n".join([*head, *(line.rstrip() for line in lines)])


def _timed(label, result, work, share=None):
    """The cells of a piece of work: ours, and the opponent's where it does the same."""
    cells = [label]
    for side in ("ours", "torch"):
        seconds = result.medians.get(side, {}).get(work)
        cells += (
            [f"{result.rate(work, side):,.0f}", f"{1e3 * seconds:.1f}"] if seconds else [""] * 2
        )
        cells += ["" if share is None else f"{share:.1%}"] if side == "ours" else []
    compared = work in result.medians.get("torch", {})
    return (*cells, f"{result.ratio(work):.2f}" if compared else "")


def profile(name, one, found):
    """The profile of size `name`: ms of wall time a step, of it in matrix products, both ways."""
    lines = [
        f"{name}: {one}",
        PROFILE.format("ms a step", "forward", "products", "backward", "products", "share"),
    ]
    for row, directions in found.rows.items():
        cells = []
        for direction in ("forward", "backward"):
            spent, products = directions.get(direction, (0.0, 0.0))
            cells += [f"{spent:.2f}" if spent else "", f"{products:.2f}" if products else ""]
        lines.append(PROFILE.format(row, *cells, f"{found.share(row):.1%}"))
    lines.append(f"a step: {found.step_ms:.1f} ms watched, {found.plain_ms:.1f} ms unwatched")
    if found.counted is None:
        lines.append("matrix products are not told apart on a GPU")
    else:
        rest = 1 - found.product_share
        lines.append(
            f"matrix products {found.product_share:.1%} of it, everything else {rest:.1%}\n"
            f"products seen: {found.counted:.1%} of the formula's FLOPs (those that sum on top)"
        )
    return "\n".join(lines)
