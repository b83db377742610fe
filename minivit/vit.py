"""The whole Vision Transformer: from images to logits, and back.

    x = stem(images)          if there is one           (B, H', W', its channels)
    x = patchify(x)                                     (B, N, P*Q*C), more with patch_overlap
    x = patch(x)                                        (B, N, D)
    x = class_token(x)        if pool is "class"        (B, T, D), T = N + 1
    x = position(x)           unless it is none, or relative: that is in the attention
    x = patch_dropout(x)      if its rate is above 0    fewer tokens, in training
    x = dropout(x)
    x = block(x)              depth times; before all but the first a position(x), if there is
                              one for every block
    x = pool(norm(x))                                   (B, D)
    x = pre_logits(x)         if its width is above 0   (B, its width); or x = head_hidden(x)
    logits = head(x)                                    (B, classes)

    backward: the same parts in reverse order; the dx of each is the dy of the next;
    parameters that several parts use get the sum of their gradients

Source: Dosovitskiy et al. 2021, "An image is worth 16x16 words", arXiv:2010.11929, eq. 1 to 4.
"""

from functools import cached_property
from operator import add

from .arrays import tree
from .arrays.doors import described, explained, is_array
from .arrays.keys import at
from .config import EVERY_BLOCK, Config
from .convolution import Relu, stem
from .errors import ConfigError
from .layers import (
    ClassPool,
    ClassToken,
    Dropout,
    Gelu,
    GeluErf,
    GridPositions,
    HeadHidden,
    LayerNorm,
    Linear,
    MeanPool,
    OverlappingPatches,
    PatchDropout,
    Patchify,
    PositionEmbedding,
    PreLogits,
    RelativeBlock,
    SequencePool,
    SincosPositions,
    TransformerBlock,
)
from .start import apply_start

HEAD = ("pre_logits", "head_hidden", "head")  # the parts after the pooling


class ViT:
    """A Vision Transformer with the sizes of `config`. It holds its layers, but no parameters.

    `init` returns the parameters. `forward` and `backward` are what a training step needs;
    `predict` is a forward without cache. Parameters, gradients and caches have the names of
    `self.parts`, in this order. `params` may lack the parts that have no parameters.
    """

    def __init__(self, config=None):
        self.config = config or Config()

    @cached_property
    def parts(self):
        """The layers by name, in the order in which they are applied."""
        c, parts = self.config, {}
        gelu = {"tanh": Gelu(), "erf": GeluErf(), "relu": Relu()}[c.gelu]
        if c.stem != "none":
            parts["stem"] = stem(c.stem, c.channels, gelu)
        if c.patch_overlap:
            parts["patchify"] = OverlappingPatches(*c.cut, c.patch_overlap)
        else:
            parts["patchify"] = Patchify(*c.cut)
        parts["patch"] = Linear(c.patch_dim, c.dim)
        if c.pool == "class":
            parts["class_token"] = ClassToken(c.dim)
        if c.position in ("learned", *EVERY_BLOCK):
            parts["position"] = PositionEmbedding(c.tokens, c.dim)
        elif c.position == "learned-2d":
            parts["position"] = GridPositions(*c.grid, c.dim, c.prefix_tokens)
        elif c.position == "sincos-2d":
            parts["position"] = SincosPositions(*c.grid, c.dim, c.prefix_tokens)
        if c.patch_dropout:
            parts["patch_dropout"] = PatchDropout(c.patch_dropout, c.prefix_tokens)
        parts["dropout"] = Dropout(c.dropout)
        for i in range(c.depth):
            drop_path = c.drop_path * i / max(1, c.depth - 1)  # from 0 up to c.drop_path
            sizes = c.dim, c.heads, c.mlp_dim, c.dropout, gelu, drop_path, c.norm_eps
            if c.position in EVERY_BLOCK and i:
                parts[f"position{i}"] = PositionEmbedding(c.tokens, c.dim)
            if c.position == "relative":
                parts[f"block{i}"] = RelativeBlock(*sizes, *c.grid, c.prefix_tokens)
            else:
                parts[f"block{i}"] = TransformerBlock(*sizes)
        parts["norm"] = LayerNorm(c.dim, c.norm_eps)
        if c.pool == "class":
            parts["pool"] = ClassPool()
        elif c.pool == "mean":
            parts["pool"] = MeanPool()
        else:
            parts["pool"] = SequencePool(c.dim)
        if c.pre_logits:
            parts["pre_logits"] = PreLogits(c.dim, c.pre_logits)
        if c.head_hidden:
            parts["head_hidden"] = HeadHidden(c.dim, c.head_hidden, gelu)
        width = c.pre_logits or c.head_hidden or c.dim
        parts["head"] = Linear(width, c.classes, zero=True)
        return parts

    def init(self, rng):
        """Parameters as float64 NumPy arrays. rng: a NumPy Generator, or None for shapes only."""
        own = {name: part for name, part in self.parts.items() if self.owner(name) == name}
        params = {name: part.init(rng) for name, part in own.items()}
        return params if rng is None else apply_start(params, self.config, rng)

    def forward(self, params, images, key=None):
        """images (B, H, W, C), floats -> logits (B, classes), cache. key: a `Key`, or None."""
        self.check(params, images)
        x, cache = images, {}
        with explained(params, lambda: self.init(None)):
            for name, part in self.parts.items():
                own = params.get(self.owner(name), {})
                x, cache[name] = part.forward(own, x, at(key, name))
        return x, cache

    def backward(self, dlogits, cache):
        """dlogits (B, classes) -> dimages (B, H, W, C), grads. Leaves `cache` empty."""
        dx, grads = dlogits, {}
        for name, part in reversed(self.parts.items()):
            dx, grads[name] = part.backward(dx, cache.pop(name))
        return dx, self.summed(grads)

    def predict(self, params, images):
        """images (B, H, W, C) -> logits (B, classes). Drops the cache of each part at once."""
        self.check(params, images)
        x = images
        with explained(params, lambda: self.init(None)):
            for name, part in self.parts.items():
                x, _ = part.forward(params.get(self.owner(name), {}), x)
        return x

    def owner(self, name):
        """The name of the part whose parameters the part `name` uses; of most it is itself."""
        shared = name.startswith("position") and self.config.position == "every-block-shared"
        return "position" if shared else name

    def summed(self, grads):
        """The gradients, and of parts that use the same parameters their sum, in the owner's."""
        for name in [name for name in grads if self.owner(name) != name]:
            owner = self.owner(name)
            grads[owner] = tree.map(add, grads[owner], grads.pop(name))
        return grads

    def check(self, params, images):
        """Raise ConfigError unless `images` are floats of this model's size, and at least one.

        And unless `params` has this model's parts; the shapes of leaves are left to the layers.
        """
        want = self.config.image_shape
        if not is_array(images) or images.shape[1:] != want or images.dtype.kind != "f":
            raise ConfigError(
                f"the model takes floating-point images (B, {', '.join(map(str, want))}); "
                f"got {described(images)}"
            )
        if not images.shape[0]:
            raise ConfigError("the model takes at least one image; got an empty batch")
        if not isinstance(params, dict) or not self._learning <= params.keys() <= self._names:
            given = params.keys() if isinstance(params, dict) else set()
            wrong = sorted(self._learning - given) or sorted(given - self._names)
            what = "lack" if self._learning - given else "have"
            raise ConfigError(
                f"these parameters are not of this model: they {what} {', '.join(wrong[:5])}"
            )

    @cached_property
    def _names(self):
        """The names of all parts."""
        return self.parts.keys()

    @cached_property
    def _learning(self):
        """The names of the parts that have parameters."""
        return {name for name, params in self.init(None).items() if params}
