"""Random changes of the training images.

prepare.py     which of the following a batch goes through, and in which order
crop_flip.py   random crop, random horizontal flip
policies.py    RandAugment: a few random operations of colour.py and geometry.py
erase.py       random erasing
mix.py         MixUp and CutMix: two images in one
share.py       random numbers for a part of a batch, as one of several ranks needs them
"""
