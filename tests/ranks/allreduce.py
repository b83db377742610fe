"""What MPI's Allreduce makes of eight terms that ranks share: its bits depend on their number."""

import hashlib

import numpy as np
from mpi4py import MPI

from minivit.parallel.cuts import cut_into
from minivit.parallel.tree_sum import tree_sum

comm = MPI.COMM_WORLD
terms = np.random.default_rng(0).standard_normal((8, 10_000)).astype(np.float32)
first, stop = cut_into(len(terms), comm.size)[comm.rank]
own = tree_sum(0, stop - first, lambda i: terms[first + i].copy(), np.add)
total = np.empty_like(own)
comm.Allreduce(own, total)
if comm.rank == 0:
    print("bits", hashlib.sha256(total).hexdigest(), flush=True)
