"""The kinds of models: which model a config describes, and what its run optimises.

A config's class says which kind it is; in a checkpoint, the names of its fields do.
"""

from .config import Config
from .convolution.stems import STEMS
from .errors import ConfigError
from .masked import MaskedColours, MaskedConfig, MaskedPixels, MaskedViT
from .masked.objective import objective_of as masked_objective
from .objective import OBJECTIVES, Classification
from .residual import ResidualConfig, ResNet
from .vit import ViT

MODELS = {Config: ViT, MaskedConfig: MaskedViT, ResidualConfig: ResNet}
MASKED = MaskedColours.name
# What a run can be asked for: of masked patches the config says whether they are colours or pixels.
OBJECTIVE_NAMES = tuple(name for name in OBJECTIVES if name != MaskedPixels.name)
OPTIONS_OF = {  # whose options they are, in words
    Config: "a Vision Transformer, and this is a residual network",
    MaskedConfig: f"--objective {MASKED}",
    ResidualConfig: "a residual network, such as --preset resnet-20",
}
# What a residual network cannot be trained with, and what it is without that.
WITHOUT_PATCHES = {"early_drop": 0.0, "early_size": 0, "layer_decay": 1.0, "whiten": False}
# What a recipe is instead of the preset's, unless asked for: a hidden patch cannot be left out.
OWN_RECIPES = {MASKED: {"early_drop": 0.0, "early_size": 0, "smoothing": 0.0}}


def model_of(config):
    """The model of a config."""
    return MODELS[type(config)](config)


def objective_of(config, recipe):
    """What a run of this model and this recipe optimises."""
    if isinstance(config, MaskedConfig):
        return masked_objective(config, recipe)
    return Classification.of(config, recipe)


def config_kind(values):
    """The class of the config that has fields of these names."""
    if "unit" in values:
        return ResidualConfig
    return MaskedConfig if "mask_target" in values else Config


def config_for(objective, usual, options):
    """The config of a run. usual: the fields that its preset has; options: all that were given.

    Raises ConfigError for options of another kind of model.
    """
    values = dict(usual)
    if objective == MASKED:
        if config_kind(values) is ResidualConfig:
            raise ConfigError("masked patches are for a Vision Transformer: name another preset")
        values["mask_target"] = MaskedConfig.mask_target
    kind = config_kind(values)
    refuse_options(kind, options)
    given = {name: options[name] for name in kind.settings() if name in options}
    return kind(**{**values, **given})


def refuse_options(kind, options):
    """Raise ConfigError where an option is a field of another kind of config than `kind`."""
    for other, words in OPTIONS_OF.items():
        for name in other.settings().keys() - kind.settings().keys():
            if name in options:
                raise ConfigError(f"--{name.replace('_', '-')} is for {words}")


def config_of(values):
    """The config that `to_dict` gave these values. Raises ConfigError as `from_dict` does."""
    return config_kind(values).from_dict(values)


def outputs_of(config):
    """The width of the head of the model."""
    masked = isinstance(config, MaskedConfig)
    return masked_objective(config).outputs if masked else config.classes


def classifier_config(config, path):
    """The config of a classifier that can begin with the weights of the model in `path`."""
    if isinstance(config, ResidualConfig):
        raise ConfigError(
            f"{path} is a residual network; a run can begin with the weights of a Vision "
            "Transformer only"
        )
    return config.classifier() if isinstance(config, MaskedConfig) else config


def refuse_recipe(config, recipe):
    """Raise ConfigError for what this model cannot be trained with."""
    if isinstance(config, MaskedConfig) and recipe.early_size:
        raise ConfigError("smaller images have fewer patches to predict: set early_size to 0")
    if isinstance(config, ResidualConfig):
        for name, off in WITHOUT_PATCHES.items():
            if getattr(recipe, name) != off:
                raise ConfigError(
                    f"{name} is for a Vision Transformer, and this is a residual network: leave it "
                    "out"
                )
    elif recipe.whiten and config.stem != "none" and STEMS[config.stem].units:
        raise ConfigError(
            f"whiten starts weights that stem {config.stem} would standardise; leave it out, or "
            "say --no-whiten"
        )


def refuse_without_blocks(config, what):
    """Raise ConfigError for a model without transformer blocks. what: what cannot be done then."""
    if isinstance(config, ResidualConfig):
        raise ConfigError(f"{what} needs transformer blocks, and this is a residual network")
