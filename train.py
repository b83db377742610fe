"""Train a Vision Transformer: `python train.py`, and `python train.py --help` for the rest.

The same as `python -m minivit train`; see minivit/commands/train.py.
"""

import os
import signal
import sys

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules load ends without a word

try:
    from minivit.__main__ import command
    from minivit.commands.exits import run
except ModuleNotFoundError as missing:  # NumPy, say
    place = f"on {os.uname().nodename}" if hasattr(os, "uname") else "here"
    advice = "pip install -r requirements.txt"
    print(f"error: {missing.name} is not installed {place}: {advice}", file=sys.stderr, flush=True)
    if "PMI_RANK" in os.environ:  # MPICH has other ranks wait for one that ends by itself
        signal.raise_signal(signal.SIGTERM)
    sys.exit(1)


def main(argv):
    """Train as the options in `argv` say -> exit status."""
    return command("train", argv, prog="python train.py")


if __name__ == "__main__":
    sys.exit(run(main))
