"""How fast the training step is, measured: on this machine, and against PyTorch.

sizes.py           the models that are measured
timing.py, stopwatch.py  reading the clock; timing functions that call each other
machine.py, peak.py  what computes here; how fast it multiplies matrices: the peak
step.py            the real Trainer's step and its parts, timed
torch_opponent.py  the same model in PyTorch, the way most people would write it
memory.py          the memory that a step needs, in a process of its own
measure.py, results.py  all of the above for each size; from seconds to what is reported
profile.py         where a step's time goes, layer by layer
table.py           everything as text
"""
