"""Fine-tuning: a run that begins with the weights of a trained model.

The head belongs to the classes it was trained for. For other classes it is replaced by one that
starts at zero, as in the paper; a hidden layer before it is dropped, unless a new one is asked
for. All else is kept: sizes, weights, and the mean and standard deviation by which images are
normalised.

Source: Dosovitskiy et al. 2021, arXiv:2010.11929, section 3.2 and appendix B.1.1.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..arrays.keys import generator
from ..config import Config
from ..errors import ConfigError
from ..models import MASKED, classifier_config
from ..objective import Classification
from ..resolution import WAY, at_size, refuse_misfit
from ..text import counted
from ..vit import HEAD, ViT
from .presets import FINE_TUNING

# fields of Config that a run may change
RATES = ("image_size", "dropout", "drop_path", "patch_dropout")
HIDDEN = ("pre_logits", "head_hidden")  # fields too: the widths of the hidden layers


@dataclass(frozen=True, eq=False)
class Start:
    """The trained model that a run begins with.

    path: its file; config, params: sizes and weights; classes: the names of its outputs, () where
    they are not known; mean, std: (C,), of its normalisation; note: what was kept of it; objective:
    what it was trained for; keeps_head: whether its head is that of the run; way: how positions
    become those of another image size.
    """

    path: str
    config: Config
    params: dict
    classes: tuple
    mean: np.ndarray
    std: np.ndarray
    note: str = ""
    objective: object = None
    keeps_head: bool = False
    way: str = WAY

    @classmethod
    def of(cls, trained, path, way=WAY):
        """Of a `Trained`, opened from `path`."""
        known = trained.objective.name == Classification.name
        classes = tuple(trained.classes) if known else ()
        config = classifier_config(trained.config, path)
        own = config, trained.params, classes, trained.mean, trained.std
        return cls(str(path), *own, objective=trained.objective, way=way)

    def with_options(self, asked):
        """The config with the options that were given. Raises ConfigError where sizes differ."""
        own, settings = self.config.to_dict(), Config.settings()
        for name, value in asked.items():
            kept = name not in (*RATES, *HIDDEN, "classes")
            if kept and settings[name].plain(value) != own[name]:
                option, has = "--" + name.replace("_", "-"), settings[name].in_words(own[name])
                raise ConfigError(
                    f"{option} {settings[name].in_words(value)}: {self.path} has {has}, and a run "
                    "that begins with its weights keeps that; leave the option out"
                )
        changed = {n: asked[n] for n in RATES if n in asked}
        if any(asked.get(n, own[n]) != own[n] for n in HIDDEN):
            changed |= {n: asked.get(n, 0) for n in HIDDEN}
        if "image_size" in changed:
            refuse_misfit(self.config, changed["image_size"])
        return replace(self.config, **changed)

    def for_data(self, dataset, config, seed, objective=Classification.name):
        """The same for a data set, with a new head where the classes or targets differ -> Start.

        config: as `with_options` gave it; objective: the name of the run's. Raises ConfigError for
        images that the model cannot take.
        """
        height, width, channels = dataset.train_images.shape[1:]
        c, (own_height, own_width, own_channels) = config, config.image_shape
        if (height, width, channels) != c.image_shape:
            to = f", or give --image-size {height}x{width}, to which the model is taken"
            taken = to if channels == own_channels else ""
            raise ConfigError(
                f"{dataset.name} has images of {height} x {width} pixels and "
                f"{counted(channels, 'channel')}, and {self.path} takes {own_height} x {own_width} "
                f"and {counted(own_channels, 'channel')}: begin with a model of such images, or "
                "give the images as files in a directory, which are read as the model takes them"
                f"{taken}"
            )
        _, params, words = at_size(self.config, self.params, c.image_size, self.way)
        start, words = replace(self, params=params), f"; from {words}" if words else ""
        same_hidden = all(getattr(c, name) == getattr(self.config, name) for name in HIDDEN)
        if same_hidden and self._says(dataset, objective):
            what = "classes" if dataset.classes else "targets"
            note = f"from {self.path}: all weights, and the head for the same {what}"
            return replace(start, config=config, note=note + words, keeps_head=True)
        hidden = dict.fromkeys(HIDDEN, 0) if same_hidden else {}
        config = replace(config, classes=max(1, dataset.outputs), **hidden)
        made, model = {}, ViT(config)
        for name, part in model.parts.items():
            if model.owner(name) != name:  # its parameters are another part's
                continue
            new = name in HEAD or name not in self.params
            rng = generator(seed, name)
            made[name] = part.init(rng) if new else params.get(name, {})
        note = f"from {self.path}: all weights but the head, which is new and starts at zero, as "
        note += self._difference(dataset) if same_hidden else "its hidden layer is another"
        if same_hidden and (width := c.pre_logits or c.head_hidden):
            note += f"; its hidden layer of {width} numbers is dropped"
        return replace(start, config=config, params=made, note=note + words)

    def _says(self, dataset, objective):
        """Whether its outputs are what a run with this objective wants."""
        if dataset.classes:
            return bool(self.classes) and self.classes == tuple(dataset.classes)
        same = getattr(self.objective, "name", None) == objective
        return same and getattr(self.objective, "targets", None) == dataset.target_names

    def _difference(self, dataset):
        """How the classes differ, in words."""
        classes = dataset.classes
        if not classes:
            return f"it was not trained for {', '.join(dataset.target_names) or 'these targets'}"
        if not self.classes and getattr(self.objective, "targets", ()):
            return f"it was trained for {', '.join(self.objective.targets)}"
        if not self.classes:
            return "the model does not say what its outputs are"
        if len(self.classes) != len(classes):
            return f"it had {len(self.classes):,} classes and the data has {len(classes):,}"
        old, new = next(p for p in zip(self.classes, classes, strict=True) if p[0] != p[1])
        return f"the classes have other names ({old!r} was where {new!r} is now)"


def refuse_without(start, preset, recipe, asked):
    """Raise ConfigError for what makes sense with or without a trained model to begin with only.

    preset: its name; asked: the options that were given.
    """
    if start is None:
        if recipe.freeze:
            raise ConfigError(
                "--freeze is for weights that have been trained: name them with --from"
            )
        if preset == FINE_TUNING:
            raise ConfigError(
                "the preset finetune is for a trained model: name it with --from MODEL"
            )
    elif asked.get("whiten"):
        raise ConfigError(f"--whiten would overwrite weights of {start.path}: leave it out")
    elif recipe.objective == MASKED:
        raise ConfigError(
            f"--objective {MASKED} begins with random weights: leave out --from, or pre-train "
            "first and give that run to --from"
        )
