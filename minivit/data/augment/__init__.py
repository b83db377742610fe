"""How pictures are varied in training.

prepare.py     which of the following a batch goes through, in which order
crop_flip.py   moved by a few pixels, mirrored
policies.py    RandAugment: a few random operations of colour.py and geometry.py
erase.py       a rectangle hidden
mix.py         two pictures in one: MixUp and CutMix
"""
