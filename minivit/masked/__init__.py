"""Masked patch prediction: learning from images without labels, as BERT does from text.

corrupt.py     the layer that replaces the embeddings of half of the patches
pick.py        the layer that takes the corrupted patches out of the encoder's last tokens
colours.py     what is predicted of a patch: its mean colour in 3 bits a channel, or its pixels
config.py      the sizes of such a model
model.py       the model: a ViT with these layers, and a head for each corrupted patch
objective.py   how a prediction is judged

The weights are then the start of a classifier: `train.py --objective masked`, and after that
`train.py --from RUN`, which drops the mask token and the head.

Source: Dosovitskiy et al. 2021, arXiv:2010.11929, section 4.6 and appendix B.1.2.
"""

from .config import MaskedConfig
from .corrupt import CorruptPatches
from .model import MaskedViT
from .objective import MaskedColours, MaskedPixels
from .pick import PickPatches

__all__ = [
    "CorruptPatches",
    "MaskedColours",
    "MaskedConfig",
    "MaskedPixels",
    "MaskedViT",
    "PickPatches",
]
