"""How a program computes with its weights unless it is told otherwise, and what it was told.

Sources: the authors' code, vit_jax/models_vit.py; timm 1.0, models/vision_transformer.py (`_cfg`);
Hugging Face transformers, models/vit/.
"""

from .beside import CONFIG, PREPROCESSOR, parsed
from .hugging_face_json import read_hugging_face, read_preprocessor
from .said import Said
from .timm_json import read_timm

OWN = {  # kind: values; flax's gelu is the tanh form
    "authors": {"gelu": "tanh", "norm_eps": 1e-6, "crop": 1.0},
    "timm": {"gelu": "erf", "norm_eps": 1e-6, "crop": 0.9},
    "huggingface": {"gelu": "erf", "norm_eps": 1e-12, "crop": 1.0, "pool": "class"},
}


def said(kind, file, configs):
    """What is said of the arrays in `file` -> Said. configs: {"config.json": dict, ...}.

    Raises CheckpointError for JSON files that are of something else, or say what is not read.
    """
    answer = Said({})
    half = {"mean": [0.5], "std": [0.5], "classes": ()}
    answer.set(f"{kind.title} default", **half, **OWN[kind.name])
    if kind.name == "authors":
        answer.notes.append("the authors squeeze a picture into a square; here the square in its "
                            "middle is taken.")  # fmt: skip
        return answer
    config, place = configs.get(CONFIG), f"{CONFIG} beside {file.path}"
    if config is None and CONFIG in file.metadata:
        place = f"the {CONFIG} in {file.path}"
        config = parsed(place, file.metadata[CONFIG])
    read = {"architecture": read_timm, "model_type": read_hugging_face}
    wanted = "architecture" if kind.name == "timm" else "model_type"
    if config is not None and wanted in config:
        read[wanted](answer, config, place)
    else:
        if config is not None:
            answer.notes.append(f"{place} is not of {kind.title} format, and is not read.")
        answer.notes.append(
            "no config.json says how these weights were trained, so mean and std of the input and "
            "the like are the usual ones (DeiT has others: --mean 0.485,0.456,0.406 --std "
            "0.229,0.224,0.225)."
        )
    if kind.name == "huggingface":
        place = f"{PREPROCESSOR} beside {file.path}"
        read_preprocessor(answer, configs.get(PREPROCESSOR), place)
    return answer
