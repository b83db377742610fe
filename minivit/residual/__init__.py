"""Residual networks for small images: convolutions alone, to compare a ViT with.

unit.py        the unit of two 3 x 3 convolutions; the other one is `convolution/residual.py`
subsample.py   a shortcut to fewer pixels and more channels
config.py      the sizes of a network
network.py     the network

They are trained by the same run as a ViT: `train.py --preset resnet-20`.

Source: He et al. 2016, arXiv:1512.03385, section 4.2. As in the baselines of the Vision Transformer
paper (Dosovitskiy et al. 2021, arXiv:2010.11929, section 4.1), group norm and standardised weights
take the place of batch norm, which would join the images of a batch.
"""

from .config import ResidualConfig
from .network import ResNet
from .subsample import Subsample
from .unit import BasicUnit

__all__ = ["BasicUnit", "ResNet", "ResidualConfig", "Subsample"]
