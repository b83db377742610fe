"""Train a Vision Transformer: `python train.py`, and `python train.py --help` for the rest.

The same as `python -m minivit train`; see minivit/commands/train.py.
"""

import signal
import sys

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules load ends without a word

from minivit.__main__ import command
from minivit.commands.exits import run


def main(argv):
    """Train as the options in `argv` say -> exit status."""
    return command("train", argv, prog="python train.py")


if __name__ == "__main__":
    sys.exit(run(main))
