"""All cores at work, with the same bits for any number of workers.

ordered_sum.py   gradients are added in an order that no worker's pace can change
workers.py       the door: numbered tasks, shared out among processes or threads
processes.py     worker processes that take their orders over pipes
fork.py          what they are made of: a forked process, a lock, shared memory
blas.py          NumPy's matrix library, and whether something holds it back
allocator.py     the C library keeps freed memory for the next step
"""
