"""What a run writes to disk: every file is complete, or it is not there.

npz.py          named arrays in one file; reading trusts nothing in it
bounded.py      a file that is read a little at a time; what its first bytes look like
checkpoint.py   everything a run has to remember, in one npz file
meta.py         a typed description of a checkpoint's plain values, and what differs from it
compare.py      a checkpoint's content against what is expected, in words
text_file.py    small text files, of any content
atomic.py       a file is written under another name, then renamed
own_files.py    what a command may write over, and what is the user's
model_paths.py  the same for a model's file, and what cannot be one
directory.py    a run's directory: checkpoints, metrics.jsonl, config.json, curves.png
others_directory.py
                the same where another process writes it
metrics.py      the lines of metrics.jsonl
lock.py         only one process at a time trains in a directory
"""
