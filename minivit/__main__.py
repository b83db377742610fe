"""python -m minivit COMMAND: all commands. An installed package calls this `minivit` as well."""

import importlib
import signal
import sys
from functools import partial

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules load ends without a word

from .commands import COMMANDS
from .commands.arguments import Parser
from .commands.exits import run
from .commands.rank_ends import refuse_ranks
from .errors import ConfigError
from .text import unknown

EPILOG = """
{prog} COMMAND --help shows the options of a command.

examples:
  {prog} train --dataset shapes --preset smoke
  {prog} gradcheck
  {prog} summary --variant B/16
"""


def main(argv, prog="python -m minivit"):
    """Run the command that argv names -> exit status. prog: how the user called this."""
    lines = [f"  {name:<12}{text}" for name, text in COMMANDS.items()]
    top = Parser(
        prog=prog,
        usage="%(prog)s COMMAND [options]",
        description="The Vision Transformer from scratch in NumPy.",
        epilog="\n".join(["commands:", *lines, EPILOG.format(prog=prog)]),
    )
    top.add_argument("command", metavar="COMMAND", nargs="?", help="one of the commands below")
    name = top.parse_args(argv[:1]).command
    if name is None:
        raise ConfigError(f"COMMAND is missing; valid: {', '.join(COMMANDS)}.")
    if name not in COMMANDS:
        raise ConfigError(unknown("command", name, COMMANDS))
    return command(name, argv[1:], prog=f"{prog} {name}")


def command(name, argv, prog):
    """Run the command `name` with the options `argv` -> exit status. Imports its module only."""
    module = importlib.import_module(f".commands.{name}", __package__)
    text = COMMANDS[name]
    description = text[0].upper() + text[1:] + "."
    parser = Parser(prog=prog, usage="%(prog)s [options]", description=description)
    module.add_arguments(parser)
    args = parser.parse_args(argv)
    if name != "train":
        refuse_ranks(prog)
    return module.main(args)


def script():
    """The console script `minivit` of an installed package -> exit status."""
    return run(partial(main, prog="minivit"))


if __name__ == "__main__":
    sys.exit(run(main))
