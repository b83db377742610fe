"""How fast the training step is, and against what: `python -m minivit bench`.

machine.py         what computes here, and whether others keep it busy
peak.py            the fastest that matrix products get on it: the ceiling
step.py            the real Trainer's step and its parts, timed
torch_opponent.py  the same model in PyTorch, the way most people would write it
memory.py          what a step needs at most, in a process of its own
profile.py         where a step's time goes, layer by layer
table.py           all of it on paper
command.py         the command
"""
