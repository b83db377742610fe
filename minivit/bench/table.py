"""The results on paper, 80 columns wide."""

from ..commands.summary import binary, decimal
from ..summary import flops

LINE = "{:<19}{:>9}{:>10}{:>9}  |{:>9}{:>10}  |{:>7}"
PROFILE = "{:<30}{:>9}{:>10}{:>10}{:>10}{:>9}"
NOTES = """\
share        of the peak for the step and for forward (FLOPs of the matrix
             products by formula; training is 3 x forward); of the step's time for
             the optimizer, with clipping and gradient sums; for data preparation
             how much slower a step is whose batch is prepared beside it
peak memory  how far it rises above the built model in the first three steps, each
             side in a process of its own"""
FAIRNESS = """\
PyTorch      its step takes prepared float images and does not clip; ours takes
             bytes, normalises and clips. Turns alternate; ratio is ours to its"""


def machine(facts):
    """What computes here. facts: `machine.describe`, and both libraries' rates by product."""
    vectors = f", {facts['vectors']}" if facts["vectors"] else ""
    kernels = f", {facts['kernels']} kernels" if facts["kernels"] else ""
    own = f", {facts['blas_threads']} threads of its own" if facts["blas_threads"] else ""
    lines = [f"machine      {facts['processor']}{vectors}, {facts['cores']} cores"]
    if facts["device"] == "cpu":
        lines.append(f"NumPy        {facts['numpy']}, {facts['blas']}{kernels}{own}")
        lines.append(f"workers      {facts['worker_threads']} threads, Python {facts['python']}")
    else:
        lines.append(f"device       {facts['device']}")
        lines.append("             the plain layers on CuPy: eager, float32, no kernels of our own")
    if facts.get("torch"):
        lines.append(f"PyTorch      {facts['torch']} eager, {facts['torch_threads']} threads")
    return "\n".join(lines)


def peaks(ours, torch, peak):
    """The rates of float32 matrix products, best of each library, and the peak."""

    def best(rates):
        name = max(rates, key=rates.get)
        cube = next(rate for shape, rate in rates.items() if shape.endswith("cube"))
        return f"{rates[name]:,.0f} GFLOP/s (at {name}; {cube:,.0f} for a large cube)"

    lines = [f"products     {'ours':<8}{best(ours)}"]
    lines += [f"             {'PyTorch':<8}{best(torch)}"] if torch else []
    lines.append(f"peak         {peak:,.0f} GFLOP/s, called 100% below")
    return "\n".join(lines)


def size(name, one, medians, memory, row):
    """The table of size `name`: `one` the Size, medians as `step.compare` gives them, peak memory
    {side: bytes}, and row, what `results.row` made of them."""
    ours, torch, batch = medians["ours"], medians.get("torch", {}), one.batch
    per_image = decimal(flops(one.config, training=True))
    forward_share = row["peak_share"] * ours["train"] / ours["forward"] / 3

    def timed(label, key, share, ratio=None):
        theirs = torch.get(key)
        other = (f"{batch / theirs:,.0f}", f"{1e3 * theirs:.1f}") if theirs else ("", "")
        times = f"{ratio:.2f}" if ratio else ""
        seconds = ours[key]
        return (label, f"{batch / seconds:,.0f}", f"{1e3 * seconds:.1f}", share, *other, times)

    update = 1e3 * row["optimizer_share"] * ours["train"]
    kept, theirs = memory.get("ours"), memory.get("torch")
    lines = [
        (f"size {name}", "images/s", "ms", "share", *_heads(torch)),
        timed("training step", "train", f"{row['peak_share']:.1%}", row["train_ratio"]),
        timed("forward only", "forward", f"{forward_share:.1%}", row["forward_ratio"]),
        ("optimizer", "", f"{update:.1f}", f"{row['optimizer_share']:.1%}", "", "", ""),
        timed("data preparation", "prepare", f"{row['data_share']:.1%}"),
        (
            *("peak memory", binary(kept) if kept else "unknown", "", ""),
            *(binary(theirs) if theirs else "", ""),
            f"{kept / theirs:.2f}" if kept and theirs else "",
        ),
    ]
    head = f"{name}: {one}; {per_image}FLOPs an image in training"
    return "\n".join([head, *(_line(cells, torch) for cells in lines)])


def _heads(torch):
    """The headings of the opponent's columns."""
    return ("PyTorch", "ms", "ratio") if torch else ("", "", "")


def _line(cells, torch):
    """One line; without an opponent its columns are left out."""
    line = LINE.format(*cells)
    return line if torch else line.partition("|")[0].rstrip()


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
            f"matrix products {found.product_share:.1%} of it, everything else {rest:.1%}; "
            f"{found.counted:.1%} of the formula's FLOPs seen"
        )
    return "\n".join(lines)
