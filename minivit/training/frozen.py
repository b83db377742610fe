"""A model whose first parts stay as they are, and learning rates that fall towards the image."""

from functools import cached_property

from ..arrays.doors import explained
from ..arrays.keys import at
from ..errors import ConfigError
from ..models import model_of
from ..vit import HEAD, ViT

ALL = -1  # as a number of frozen blocks: everything but the head


class PartlyFrozen(ViT):
    """A ViT of which only the parts after the first `freeze` blocks learn; with ALL only the head.

    forward is that of evaluation in the frozen parts, without dropout, and keeps nothing of them;
    only patch dropout acts, as it saves time. backward ends where they begin: it returns None for
    the gradient of the images, and gradients of the other parts only.

    Raises ConfigError for more blocks than the model has, and for positions that blocks share.
    """

    def __init__(self, config, freeze):
        super().__init__(config)
        self.freeze = freeze
        if config.position == "every-block-shared" and 0 < freeze < config.depth:
            raise ConfigError(
                "freeze: every-block-shared positions are those of frozen blocks and of the others "
                "at once; leave freeze out"
            )
        if freeze > config.depth:
            raise ConfigError(
                f"freeze {freeze}: the model has {config.depth} blocks; freeze {config.depth} "
                "leaves the norm and the head to learn, freeze all the head alone"
            )

    @cached_property
    def frozen(self):
        """The names of the parts that stay as they are."""
        names, number = list(self.parts), self.freeze
        if number == ALL:
            end = next(name for name in names if name in HEAD)
        elif number < self.config.depth:  # a block's own positions are learned with it
            end = next(n for n in names if n in (f"position{number}", f"block{number}"))
        else:
            end = "norm"
        return names[: names.index(end)]

    def forward(self, params, images, key=None):
        """images (B, H, W, C), floats -> logits (B, classes), cache. key: a `Key`, or None."""
        self.check(params, images)
        x, cache = images, {}
        with explained(params, lambda: self.init(None)):
            for name, part in self.parts.items():
                frozen = name in self.frozen
                own_key = None if frozen and name != "patch_dropout" else at(key, name)
                own = params.get(self.owner(name), {})
                x, part_cache = part.forward(own, x, own_key)
                if not frozen:
                    cache[name] = part_cache
        return x, cache

    def backward(self, dlogits, cache):
        """dlogits (B, classes) -> None, grads of the parts that learn. Leaves `cache` empty."""
        dx, grads = dlogits, {}
        for name in [name for name in reversed(self.parts) if name not in self.frozen]:
            dx, grads[name] = self.parts[name].backward(dx, cache.pop(name))
        return None, grads


def learner(config, recipe, build=model_of):
    """The model that a run of this recipe trains: build(config), or that partly frozen."""
    model = build(config)
    if not recipe.freeze:
        return model
    frozen = PartlyFrozen(config, recipe.freeze)
    frozen.parts = model.parts
    return frozen


def rate_share(name, depth, decay):
    """The share of the learning rate that a parameter gets: decay^(layers between it and the head).

        layer = 0                 the patch embedding, the class token, the positions
                i + 1             block i
                depth + 1         all after the blocks: the share is 1
        share = decay^(depth + 1 - layer)

    The first layers of a trained model see edges and colours, which are of use for other pictures
    too; the last ones know the classes. So the first ones need to change less.

    name: dotted. Source: Clark et al. 2020, arXiv:2003.10555 (ELECTRA), appendix B; Bao et al.
    2022, arXiv:2106.08254 (BEiT), section 3.1, and its code.
    """
    part = name.partition(".")[0]
    number = part.removeprefix("block").removeprefix("position")  # a block's, or of positions of it
    if number.isdigit():
        layer = int(number) + 1
    else:
        layer = depth + 1 if part in ("norm", "pool", *HEAD) else 0
    return decay ** (depth + 1 - layer)
