"""PositionedBlock: a transformer block with positions of its own."""

from dataclasses import dataclass, field

from .block import TransformerBlock
from .tokens import PositionEmbedding


@dataclass(frozen=True)
class PositionedBlock(TransformerBlock):
    """Add a learned vector to each token, then do what a `TransformerBlock` does.

        y       = block(x + pos)

        dx      = block.backward(dy)        dpos = sum over images of dx

    With such blocks nothing is added before the first one. What positions add once goes through all
    blocks in the sum; here each block may add what it needs, for depth times the parameters. The
    paper found no difference.

    Keeps what the block keeps.

    Source: Dosovitskiy et al. 2021, arXiv:2010.11929, appendix D.4 and table 8 ("every layer").
    """

    tokens: int = 1
    position: PositionEmbedding = field(init=False)

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "position", PositionEmbedding(self.tokens, self.dim))

    def init(self, rng):
        """As in `TransformerBlock`, and the positions."""
        return {"position": self.position.init(rng), **super().init(rng)}

    def forward(self, params, x, key=None):
        """x (B, T, D) -> y (B, T, D), cache."""
        x, position = self.position.forward(params["position"], x)
        y, cache = super().forward(params, x, key)
        return y, {"position": position, **cache}

    def backward(self, dy, cache):
        """dy (B, T, D) -> dx (B, T, D), grads."""
        dx, grads = super().backward(dy, cache)
        dx, grads["position"] = self.position.backward(dx, cache.pop("position"))
        return dx, grads
