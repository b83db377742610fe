"""Where pictures come from, one source a file.

shapes.py   the built-in set, drawn by a formula
cifar.py    CIFAR-10 and CIFAR-100, with published.py (their facts), archive.py (tar files and
            folders), pickles.py (read, never run) and download.py (from whichever mirror)
folder.py   any directory of pictures
"""
