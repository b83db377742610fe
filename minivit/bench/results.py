"""From measured seconds to the values that are reported."""

from dataclasses import dataclass

from ..costs import flops
from .sizes import Size


@dataclass(frozen=True)
class Result:
    """What was measured of one size.

    medians: from `step.compare`; memory: {"ours", "torch": peak bytes, None if unknown}; peak: the
    machine's GFLOP/s in matrix products.
    """

    size: Size
    medians: dict
    memory: dict
    peak: float

    def rate(self, work, side="ours"):
        """Images a second of `work`; None for an opponent that was not measured."""
        return self.size.batch / self.medians[side][work] if side in self.medians else None

    def ratio(self, work):
        """Our images a second over the opponent's, or None without an opponent."""
        theirs = self.rate(work, "torch")
        return self.rate(work) / theirs if theirs else None

    def share(self, work):
        """The share of the peak at which "train" or "forward" runs."""
        flops_per_second = self.rate(work) * flops(self.size.config, training=work == "train")
        return flops_per_second / (self.peak * 1e9)

    def data_share(self, name="data_share"):
        """The share of a step that preparing batches adds; 0 where noise makes it negative."""
        return max(0.0, self.medians["ours"][name])

    def row(self):
        """The entry of this size in the JSON of `bench --json`."""
        plain = {f"plain_{work}_images_per_second": self.rate(work, "plain")
                 for work in ("train", "forward")}  # fmt: skip
        return {
            **(plain if "plain" in self.medians else {}),
            "train_images_per_second": self.rate("train"),
            "half_patches_images_per_second": self.rate("half_patches"),
            "forward_images_per_second": self.rate("forward"),
            "peak_share": self.share("train"),
            "optimizer_share": self.medians["ours"]["optimizer_share"],
            "data_share": self.data_share(),
            "varied_data_share": self.data_share("augmented_data_share"),
            "peak_memory_bytes": self.memory.get("ours"),
            "torch_train_images_per_second": self.rate("train", "torch"),
            "train_ratio": self.ratio("train"),
            "forward_ratio": self.ratio("forward"),
            "stem_share": self.medians["ours"].get("stem_share"),
        }
