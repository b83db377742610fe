"""python -m minivit <command>: the commands that are not training (that is train.py)."""

import importlib
import sys

from .commands.arguments import Parser
from .commands.exits import run
from .errors import ConfigError, unknown

# name: (module with add_arguments(parser) and main(args), what it does)
COMMANDS = {
    "bench": ("minivit.commands.bench", "how fast a training step is, and against PyTorch"),
    "gradcheck": ("minivit.commands.gradcheck", "compare every gradient with finite differences"),
    "summary": ("minivit.commands.summary", "layers, shapes, parameters, MACs, memory of a model"),
}


def main(argv):
    """Run the command that argv names -> exit status. Imports that command's module only."""
    top = Parser(
        prog="python -m minivit",
        usage="python -m minivit COMMAND [options]",
        description="The Vision Transformer from scratch: tools around the model.",
        epilog="commands:\n"
        + "\n".join(f"  {name:<12}{text}" for name, (_, text) in COMMANDS.items())
        + "\n\npython -m minivit COMMAND --help tells a command's options; train.py trains.",
    )
    top.add_argument("command", metavar="COMMAND", nargs="?", help="one of those below")
    name = top.parse_args(argv[:1]).command
    if name is None:
        raise ConfigError(f"COMMAND is missing; valid: {', '.join(COMMANDS)}.")
    if name not in COMMANDS:
        raise ConfigError(unknown("command", name, COMMANDS))
    path, text = COMMANDS[name]
    module = importlib.import_module(path)
    parser = Parser(prog=f"python -m minivit {name}", description=text[0].upper() + text[1:] + ".")
    module.add_arguments(parser)
    return module.main(parser.parse_args(argv[1:]))


if __name__ == "__main__":
    sys.exit(run(main))
