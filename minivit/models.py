"""The kinds of models: which model a config describes, and what its run optimises.

A config's class says which kind it is; in a checkpoint, the names of its fields do.
"""

from .config import Config
from .errors import ConfigError
from .masked import MaskedConfig, MaskedViT
from .masked.objective import objective_of as masked_objective
from .objective import Classification
from .vit import ViT

MODELS = {Config: ViT, MaskedConfig: MaskedViT}
OBJECTIVE_NAMES = ("classification", "masked")  # that a run can be asked for
OBJECTIVE_WORDS = {"masked-pixels": "masked"}  # {name in a checkpoint: what was asked for}
# What a recipe is instead of the preset's, unless asked for: a hidden patch cannot be left out.
OWN_RECIPES = {"masked": {"early_drop": 0.0, "early_size": 0, "smoothing": 0.0}}


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
    return MaskedConfig if "mask_target" in values else Config


def fields_of(objective, options):
    """The fields of a config that this objective adds, as given or usual. options: all given ones.

    Raises ConfigError for those of another objective.
    """
    own = [name for name in MaskedConfig.settings() if name not in Config.settings()]
    if objective == "masked":
        return {name: options.get(name, getattr(MaskedConfig, name)) for name in own}
    if given := [name for name in own if name in options]:
        raise ConfigError(f"--{given[0].replace('_', '-')} is for --objective masked")
    return {}


def config_of(values):
    """The config that `to_dict` gave these values. Raises ConfigError as `from_dict` does."""
    return config_kind(values).from_dict(values)


def classifier_config(config):
    """The config of a classifier that can begin with the weights of this model."""
    return config.classifier() if isinstance(config, MaskedConfig) else config


def refuse_recipe(config, recipe):
    """Raise ConfigError for what this model cannot be trained with."""
    if isinstance(config, MaskedConfig) and recipe.early_size:
        raise ConfigError("smaller images have fewer patches to predict: set early_size to 0")
