"""An attack on the program: mutated files, crafted meta, command lines, kills and full disks.

    python -m tests.attack --seconds 30          all kinds, in turns
    python -m tests.attack --minutes 60 --seed 7 --only files,kills

__main__.py   takes turns, counts outcomes, prints what was broken and how to see it again
child.py      one turn of the kinds that need no process each: inside limits of memory and time
mutate.py     changes of bytes
files.py      files of every kind that is read, and how each is read
meta.py       checkpoints with edited values and a right hash
lines.py      command lines
storm.py      runs that are killed or run out of disk, and resumed until they are complete

The only good outcomes are "equal" (what was saved is loaded), "sentence" (one line of the project's
own) and "accepted" (the change left a valid file or command). Everything is drawn from the seed and
the number of the turn, which are printed.
"""
