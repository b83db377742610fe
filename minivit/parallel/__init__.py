"""A step on all cores, with the same bits for any number of workers.

workers.py       start here: numbered tasks for a few workers, which are processes or threads
crew.py          the workers of a library, which are threads, and those of a program
cuts.py          where a batch is cut into micro-batches
tree_sum.py      the order in which gradients are added, whoever computes them
gradient_sums.py gradients of micro-batches, added in that order
counter.py       gives each task to one worker
processes.py     worker processes: they share memory and are called through pipes
arguments.py     arrays among a call's arguments, in shared memory
fork.py          what these need from the system: a forked process, a lock, shared memory
outcome.py       what a call led to: a result or an exception
blas.py          which matrix library NumPy uses, and whether a setting slows it down
allocator.py     freed memory stays with the process, for the next step
"""
