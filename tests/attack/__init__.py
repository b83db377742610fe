"""An attack on the program: mutated files, crafted meta, command lines, kills and full disks.

    python -m tests.attack --seconds 30          all kinds, in turns
    python -m tests.attack --minutes 60 --seed 7 --only files,kills --summary attack.json

__main__.py   takes turns, counts outcomes, prints what was broken and how to see it again
child.py      one turn: a process with limits of memory and time, in which one kind is attacked
process.py    a command in a forked process, killed, signalled or short of disk

The kinds, a file each, with a function `begin(place)` that returns the attack:

files.py      files of every kind that is read, mutated by mutate.py and repair.py
meta.py       checkpoints and model files with edited values and a right hash
lines.py      command lines of every command
kills.py      runs that are killed or signalled at any moment, and resumed until they are complete
disks.py      the same, where files may have so many bytes only
outputs.py    the other commands that write files, killed or short of disk

The good outcomes are "equal" (what was saved is loaded; a run ends with the bits of an undisturbed
one), "sentence" (one line of the project's own), "killed" and "accepted" (the change left a valid
file or command). All is drawn from the seed and the number of the attack, which are printed.
"""
