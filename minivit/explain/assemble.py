"""One file that opens offline: the page, its code, the model's weights and some pictures.

The page's own files are in page/. They are put into one HTML file, with the weights as base64:

    template.html, style.css, text.js     the parts of the page, and its words in two languages
    model/                                forward, backward and optimizers under the Python names;
                                          watch.js notes what goes through, as record.py
    view/                                 what is drawn, and what is done when something is clicked
"""

import base64
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..arrays import tree
from ..errors import ConfigError
from ..models import refuse_without_blocks
from ..text import counted, decimal
from ..version import VERSION
from .lesson import lesson
from .picture import class_names

FOLDER = Path(__file__).with_name("page")
MODEL = ("products", "layers", "attention", "positions", "ends", "vit", "watch", "optim")
VIEWS = (
    *("state", "draw", "stage", "answer", "own", "tokens", "columns", "detail"),
    *("nudge", "sweep", "optimizer", "main"),
)
SCRIPTS = ("text", *(f"model/{n}" for n in MODEL), *(f"view/{n}" for n in VIEWS))
LANGUAGES = ("en", "zh")

MOST_PARAMETERS, MOST_MACS = 3_000_000, 250_000_000
SHOWN = {  # of these settings of a model, what page/model/vit.js knows
    "stem": ("none",),
    "pool": ("class", "mean", "sequence"),
    "position": ("learned", "none", "every-block", "learned-2d", "sincos-2d", "relative"),
    "gelu": ("tanh", "erf", "relu"),
}
FITS = "a page holds models like the presets smoke, tiny, small and base"
MARK = '<meta name="generator" content="minivit">'


def refuse(walk):
    """Raise ConfigError for a model that a page cannot show: it says what can."""
    refuse_without_blocks(walk.config, "a page")
    too = ""
    for name, known in SHOWN.items():
        if (value := getattr(walk.config, name)) not in known:
            too = f"this model has {name} {value}, and a page shows {', '.join(known)}"
    if walk.parameters > MOST_PARAMETERS or walk.macs > MOST_MACS:
        too = (
            f"this model has {counted(walk.parameters, 'parameter')} and {decimal(walk.macs)} MACs,"
            f" a page at most {MOST_PARAMETERS:,} and {decimal(MOST_MACS)}"
        )
    if too:
        raise ConfigError(f"{too}: {FITS}; without --html, explain shows any model.")


def assemble(trained, walk, pictures, labels, source, language="en"):
    """The page as text.

    pictures: list of `Picture`, the first of which is shown; labels: for each the number of its
    class, or None; source: what the model is called.
    """
    side = min(pictures[0].pixels.shape[:2])
    data = {
        "version": VERSION,
        "language": language,
        "source": source,
        "config": asdict(trained.config),
        "kept": side / int(side / trained.crop),  # share of a file's shorter side
        "classes": list(class_names(trained)),
        "mean": [float(number) for number in trained.mean],
        "std": [float(number) for number in trained.std],
        "pictures": [
            {"name": p.name, "size": p.file_size, "label": label, "pixels": _base64(p.pixels)}
            for p, label in zip(pictures, labels, strict=True)
        ],
        "label": walk.label,
        **_weights(trained.params),
        "macs": {name: step.macs for name, step in walk.steps.items()},
        "lessons": _lessons(walk),
    }
    scripts = [(FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    page = (FOLDER / "template.html").read_text(encoding="utf-8")
    style = (FOLDER / "style.css").read_text(encoding="utf-8")
    parts = {"STYLE": style, "DATA": _json(data), "SCRIPT": "\n".join(scripts), "MARK": MARK}
    for name, text in parts.items():
        page = page.replace(f"<!--{name}-->", text, 1)
    return page


def _weights(params):
    """All parameters as one base64 string of float32, and the shape of each in that order."""
    leaves = list(tree.walk(params))
    flat = np.concatenate([np.asarray(leaf, "<f4").ravel() for _, leaf in leaves])
    return {"shapes": {n: list(leaf.shape) for n, leaf in leaves}, "weights": _base64(flat)}


def _lessons(walk):
    """{name of a class: what its source says}, of all layers of the model."""
    lessons = {}
    for step in walk.steps.values():
        told = lesson(step.layer)
        methods = {name: method._asdict() for name, method in told.source.items()}
        lessons[told.name] = {**asdict(told), "source": methods}
    return lessons


def _base64(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def _json(value):
    """JSON that may stand in a script element: no tag can begin in it."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
