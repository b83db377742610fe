"""Running sums: what an epoch has come to so far, and the first step that was not finite."""

from ..ranks.ranks import ALONE

NEVER = 2**62  # a step that no run reaches


class RunningSums:
    """The sums that `objective` names, over the images since the last `reset`.

    They stay on the device: only `read` waits for it. ranks: those that have a part of the sums
    each, as on GPUs; `read` adds them up, on all ranks at once.
    """

    def __init__(self, objective, xp, ranks=ALONE):
        self.kinds, self.xp, self.ranks = objective.sums, xp, ranks
        self.reset()

    def reset(self, values=None, count=0):
        """Start anew, or from the `values` that a checkpoint holds after `count` images."""
        values = values or {}
        if self.ranks.rank:  # rank 0 has them
            values = {}
        self.totals = {
            name: self.xp.asarray(values.get(name, 0), dtype=DTYPES[kind])
            for name, kind in self.kinds.items()
        }
        self.count = count
        self.first_bad = self.xp.asarray(NEVER)

    def add(self, results, count, step, norm):
        """Add a step's results, the sums of all its micro-batches in order.

        The step counts as bad if a sum or `norm`, the length of its gradient, is not finite.
        """
        xp = self.xp
        for sums in results:
            for name in self.kinds:
                self.totals[name] = self.totals[name] + sums[name]
        self.count += count
        finite = xp.isfinite(norm)
        for name, kind in self.kinds.items():
            if kind is float:
                finite = finite & xp.isfinite(self.totals[name])
        self.first_bad = xp.minimum(self.first_bad, xp.where(finite, NEVER, step))

    def read(self, vector, step):
        """Wait for the device -> {name: number, "count": images, "bad_step": first one or None}.

        The last `step` is bad too if it left weights, `vector`, that are not finite.
        """
        xp = self.xp
        finite = xp.isfinite(vector).all()
        bad = int(xp.minimum(self.first_bad, xp.where(finite, NEVER, step)))
        own = {name: kind(self.totals[name]) for name, kind in self.kinds.items()}
        every, bad = self.ranks.concatenate([own], [bad])
        sums, bad = {name: sum(part[name] for part in every) for name in own}, min(bad)
        return {**sums, "count": self.count, "bad_step": None if bad == NEVER else bad}


DTYPES = {float: "float64", int: "int64"}
