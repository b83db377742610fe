"""Many machines: processes, called ranks, that train one model together. With MPI (mpi4py).

ranks.py     what ranks do with each other; a run on its own is rank 0 of 1
"""
