"""Arrays: NumPy or CuPy, and what is made of their arrays.

backend.py     which library owns an array, and which one to start with
tree.py        nested dicts of arrays: parameters, gradients
keys.py        randomness with an address, so that it can be repeated
gpu.py         whether CuPy can compute here, and if not, what to install
shape_only.py  arrays without numbers, for `minivit.costs`
"""
