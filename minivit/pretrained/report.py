"""What an import has done: a text for people, and a dict for JSON."""

from dataclasses import asdict, dataclass, field

from ..config import VARIANTS
from ..text import binary, printable

SHOWN = 6  # names in a line of the text
NUMERICS = ("gelu", "norm_eps", "mean", "std", "crop", "heads", "pool")


@dataclass
class Report:
    """format, title: whose weights they are; file, bytes: where they were.

    sizes: the fields of Config. numerics: {name: {"value", "from"}}, how the model computes and
    where that is known from. parameters, arrays: how many of the model are loaded, from how many of
    the file. Of each kind of exception {name: what was done}: reshaped, missing, unexpected; new:
    names of parameters that are not from the file. notes: sentences.
    """

    format: str
    title: str
    file: str
    bytes: int
    sizes: dict = field(default_factory=dict)
    numerics: dict = field(default_factory=dict)
    loaded: dict = field(default_factory=dict)
    reshaped: dict = field(default_factory=dict)
    missing: dict = field(default_factory=dict)
    unexpected: dict = field(default_factory=dict)
    new: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def fill(self, config, order, made, found, said):
        """Take down the model's sizes, what was loaded, and what was said of it."""
        self.sizes = config.to_dict()
        stored = {there: array.stored for there, array in found.arrays.items()}
        loaded = {n: [stored[t] for t in made[n].names if t in stored] for n in order if n in made}
        self.loaded = {name: arrays for name, arrays in loaded.items() if arrays}
        values = {**said.values, "pool": config.pool, "heads": config.heads}
        for name in NUMERICS:
            value = values[name]
            value = list(value) if isinstance(value, tuple) else value
            self.numerics[name] = {
                "value": value,
                "from": said.origin.get(name, "the arrays' names"),
            }
        self.notes += said.notes

    def to_dict(self):
        """For JSON: all names, nothing shortened."""
        return asdict(self)

    def text(self):
        """Lines for people; long lists are shortened."""
        s = self.sizes
        own = (s["dim"], s["depth"], s["heads"], s["mlp_dim"])
        resnet = "" if s["stem"] == "none" else s["stem"].partition("/")[0] + "+"
        sizes = (f", {resnet}{v}/{s['patch_size']}" for v, of in VARIANTS.items() if of == own)
        name = next(sizes, "")
        arrays = sum(map(len, self.loaded.values()))
        lines = [
            f"{printable(self.file)}: a ViT in {self.title} format, {binary(self.bytes)}{name}",
            f"  {'sizes':<11} width {s['dim']}, {s['depth']} blocks, {s['heads']} heads, "
            f"MLP {s['mlp_dim']}, patches of {s['patch_size']}",
            f"  {'':<11} images {s['image_size']} x {s['image_size']} x {s['channels']}, "
            f"{s['classes']} classes{', pre_logits ' * bool(s['pre_logits'])}"
            f"{s['pre_logits'] or ''}",
        ]
        for key, of in self.numerics.items():
            value = of["value"]
            shown = ", ".join(f"{v:.4g}" for v in value) if isinstance(value, list) else value
            lines.append(f"  {key:<11} {shown:<22} ({of['from']})")
        lines.append(f"  {'loaded':<11} {len(self.loaded)} parameters from {arrays} arrays")
        for title in ("reshaped", "missing", "unexpected"):
            lines += _listed(title, getattr(self, title))
        if self.new:
            lines.append(f"  {'new':<11} {', '.join(self.new)}: a head at zero")
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def _listed(title, items):
    """Lines of {name: what was done}, those with the same together."""
    if not items:
        return [f"  {title:<11} none"]
    lines, kinds = [], {}
    for name, what in items.items():
        kinds.setdefault(what, []).append(printable(name[:80]))
    for what, names in kinds.items():
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        lines.append(f"  {title:<11} {', '.join(names[:SHOWN])}{more}: {what}")
    return lines
