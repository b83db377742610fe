"""A plan as lines of text."""

GIGABIT = 1e9 / 8  # bytes


def head(network, workers, machine):
    """What all the plans below suppose."""
    return (
        f"A rank has {workers} workers like those of this machine ({machine}),\n"
        f"sends {network.bandwidth / GIGABIT:g} Gbit/s, and a short message takes "
        f"{1e6 * network.latency:g} us. The batch stays\n"
        "the same for any number of ranks. No rank waits for a slow one: real clusters\n"
        "are slower than this. Times are in ms."
    )


def table(name, job, steps):
    """The steps of a job, the first of one rank, as lines."""
    lines = [
        f"{name}: batch {job.batch}",
        "  ranks   images   compute add, update      send      step    speed  overlapped",
    ]
    for step in steps:
        rest, one = step.add + step.update, steps[0].seconds
        lines.append(
            f"  {step.ranks:5} {step.images:8.4g} {ms(step.compute)} {ms(rest):>11} "
            f"{ms(step.send)} {ms(step.seconds)} "
            f"{one / step.seconds:7.1f}x {one / step.overlapped:10.1f}x"
        )
    return "\n".join([*lines, f"  {verdict(steps)}"])


def ms(seconds):
    """Milliseconds or seconds, in nine places."""
    return f"{1e3 * seconds:9.1f}" if seconds < 10 else f"{seconds:7.1f} s"


def verdict(steps):
    """Where it stops scaling, and what would help there."""
    one = steps[0].seconds
    bad = next((s for s in steps[1:] if one / s.seconds < s.ranks / 2), None)
    if not bad:
        return f"More than half of the ideal speed up to {steps[-1].ranks} ranks."
    where = f"Below half of the ideal speed from {bad.ranks} ranks on: "
    if bad.send < bad.compute:
        return where + "workers have no micro-batch;\n  a larger batch helps."
    gain = bad.seconds / bad.overlapped - 1
    return where + f"most of it is sending;\n  a larger batch helps, and overlap by {gain:.0%}."


def check(name, planned, taken, network):
    """What was planned for two ranks of this machine, beside what they took."""
    return (
        f"Check: {name} on two ranks here ({network.bandwidth / GIGABIT:.0f} Gbit/s, "
        f"{1e6 * network.latency:.0f} us): a step\n"
        f"was planned to take {1e3 * planned:.1f} ms, and took {1e3 * taken:.1f} ms "
        f"({taken / planned - 1:+.0%})."
    )
