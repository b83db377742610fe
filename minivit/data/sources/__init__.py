"""Where images come from, one source a file.

shapes.py   the built-in set, computed by a formula; places.py: one for regression
cifar.py    CIFAR-10 and CIFAR-100; published.py (names, sizes, checksums, mirrors), archive.py
            (folders and archives), tar.py (the archives' own format), pickles.py and
            pickle_machine.py (pickles are read, not run), download.py
            with transfer.py and partial.py (a download goes on where it ended)
idx.py      MNIST and Fashion-MNIST; idx_published.py; streams.py (files, gzipped or not)
folder.py   any directory of image files; targets.py, target_csv.py: with targets in a CSV file
"""
