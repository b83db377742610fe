"""Many machines: processes, called ranks, that train one model together. With MPI (mpi4py).

ranks.py     what ranks do with each other; a run on its own is rank 0 of 1
world.py     the same among processes that MPI started
start.py     starts MPI, the only place that imports mpi4py
gradient_sums.py, exchange.py, regions.py
             the sums of gradients of all ranks, and who updates which parameters
nccl.py      the same between GPUs
launch.py    which rank this process is, from its environment
meeting.py   whether all ranks have the same data, options and program
watch.py     notices a rank that does not answer
"""
