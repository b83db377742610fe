"""From seconds to the numbers that are reported."""

from ..summary import flops


def row(size, medians, memory, peak):
    """The entry of one size in the JSON of `bench --json`; None where nothing was measured.

    medians: what `step.compare` returns; memory: {"ours", "torch": bytes or None}; peak: GFLOP/s.
    Shares are fractions; a data_share that comes out below 0, as noise makes it, is 0.
    """
    ours, torch = medians["ours"], medians.get("torch")
    rate = size.batch / ours["train"]
    return {
        "train_images_per_second": rate,
        "forward_images_per_second": size.batch / ours["forward"],
        "peak_share": rate * flops(size.config, training=True) / (peak * 1e9),
        "optimizer_share": ours["optimizer_share"],
        "data_share": max(0.0, ours["data_share"]),
        "peak_memory_bytes": memory.get("ours"),
        "torch_train_images_per_second": size.batch / torch["train"] if torch else None,
        "train_ratio": torch["train"] / ours["train"] if torch else None,
        "forward_ratio": torch["forward"] / ours["forward"] if torch else None,
    }
