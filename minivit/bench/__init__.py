"""How fast training steps and predictions are: on this machine, and against PyTorch.

sizes.py                 the models that are measured
timing.py, stopwatch.py  reading the clock; timing functions that call each other
machine.py, peak.py      what computes here, and how fast it multiplies matrices
step.py                  the real Trainer's step and its parts, timed
inference.py             predictions in batches and one by one, timed
torch_opponent.py        the same model in PyTorch, as a practised user would write it
memory.py                the memory that a step needs, in a process of its own
measure.py, results.py   all of this for one size, and what is reported of it
profile.py               where a step's time goes, layer by layer
scaling.py               steps on several ranks; links.py: the network between two
plan.py, plan_text.py    how long a step would take on many ranks, from parts measured here
table.py                 everything as text
"""
