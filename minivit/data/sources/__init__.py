"""Where images come from, one source a file.

shapes.py   the built-in set, computed by a formula
cifar.py    CIFAR-10 and CIFAR-100; published.py (names, sizes, checksums, mirrors), archive.py
            (tar files and folders), pickles.py (read without running them), download.py
folder.py   any directory of image files
"""
