"""Arrays of NumPy or CuPy: the only room that the layers know.

    backend.py      find the library that owns an array, choose the library of a run
    tree.py         nested dicts of arrays: parameters, gradients
    keys.py         keys: random numbers that can be repeated
    gpu.py          whether CuPy can compute here, and if not, what to install
    interpolation.py
                    samples along an axis, and in a grid, from those at other places
    doors.py        what a caller hands in: is it an array, and if not, what to say
    shape_only.py   arrays without numbers, for `minivit.costs`

Importing it never imports CuPy.
"""
