"""Train a Vision Transformer: `python train.py`, and `python train.py --help` for the rest.

The same as `python -m minivit train`; see minivit/commands/train.py.
"""

import os
import signal
import socket
import sys
import time

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules load ends without a word

try:
    from minivit.__main__ import command
    from minivit.commands.exits import run
except ModuleNotFoundError as missing:  # NumPy, say
    if __name__ != "__main__" or missing.name.startswith("minivit"):
        raise
    # as `minivit.ranks.launch` would find it, which cannot be imported
    ranks = (os.environ.get(f"{name}_RANK", "0") for name in ("PMI", "OMPI_COMM_WORLD"))
    who = f"rank {rank} (on {socket.gethostname()}): " if (rank := max(ranks)) > "0" else ""
    if who:
        time.sleep(1.5)  # rank 0 prints the same, if it has the same error, and all are ended
    advice = "pip install -r requirements.txt"
    print(f"error: {who}{missing.name} is not installed: {advice}", file=sys.stderr, flush=True)
    if os.environ.get("PMI_SIZE", "1") > "1":  # MPICH has others wait for one that ends by itself
        signal.raise_signal(signal.SIGTERM)
    sys.exit(1)


def main(argv):
    """Train as the options in `argv` say -> exit status."""
    return command("train", argv, prog="python train.py")


if __name__ == "__main__":
    sys.exit(run(main))
