"""Files that are whole or not there.

atomic.py       written beside their place, then moved into it
npz.py          named arrays in one file, read with suspicion
checkpoint.py   everything a run must remember, in one npz file
directory.py    where a run writes: its checkpoints, rows and curves
lock.py         one process at a time in a directory
compare.py      what a file holds against what is asked of it, in words
"""
