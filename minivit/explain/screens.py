"""The walk in a terminal: a screen a layer, forward and then backward, in 80 columns."""

from textwrap import wrap

import numpy as np

from ..arrays import tree
from ..errors import ConfigError
from ..text import decimal, unknown
from .lesson import lesson
from .numbers import first_numbers, largest, norm, place, shape_text, short

COLUMNS = 80
RULE = "-" * COLUMNS
MOST = 12  # parameters of one layer that are listed
LONGEST = 22  # columns of a parameter's name
LAYERS = "Valid: {}; and what is inside a block, as in block0.attn.qkv."


def shown_names(steps):
    """The layers of a whole walk: the model's parts; of a block, a stem, a stage its parts."""
    opened = ("block", "stem", "root", "stage")
    inner = {name for name in steps if name.startswith(opened) and name.count(".") == 1}
    whole = {name.partition(".")[0] for name in inner}
    return [name for name in steps if name in inner or ("." not in name and name not in whole)]


def chosen_names(steps, layer):
    """The layer that the user names, as a list. Raises ConfigError if there is none."""
    if layer in steps:
        return [layer]
    message = unknown("layer", layer, steps).partition(" Valid:")[0]
    parts = ", ".join(name for name in steps if "." not in name)
    raise ConfigError(f"{message} {LAYERS.format(parts)}")


def screens(walk, names):
    """The screens of these layers as texts: forward in order, then backward in reverse."""
    total, number = 2 * len(names), 0
    for direction, order in (("forward", names), ("backward", names[::-1])):
        for name in order:
            number += 1
            write = forward_screen if direction == "forward" else backward_screen
            yield write(walk, walk.steps[name], f"{number} of {total}")


def forward_screen(walk, step, count):
    """What the layer computes, with its numbers."""
    told = lesson(step.layer)
    lines = [*_head(step, told, count, "forward"), *wrap(told.about, COLUMNS), ""]
    lines += [*_equations(told.forward), ""] if told.forward else []
    for name, array in (("x", step.x), ("y", step.y)):
        lines += _values(name, _one(array))
    lines += [*_heads(step), "", *_costs(walk, step)]
    return "\n".join(lines)


def backward_screen(walk, step, count):
    """What comes back to the layer, what it passes on, and the gradients of its parameters."""
    told = lesson(step.layer)
    lines = _head(step, told, count, "backward")
    lines += [*_equations(told.backward), ""]
    for name, array in (("dy", step.dy), ("dx", step.dx)):
        array, words = _one(array), ""
        index, value = largest(array)
        if array.ndim:
            at = place(index, array, walk.config)
            words = f"largest {short(value)} at {at}"
        start = f"{name}  {shape_text(array):<14}norm {short(norm(array)):<10}"
        lines.append((start + words).rstrip())
    leaves = list(tree.walk(step.grads))
    lines += ["", *_gradients(step, leaves)] if leaves else []
    return "\n".join(lines)


def _head(step, told, count, direction):
    """The layer's name, its class and file, and which screen this is."""
    method = told.source[direction]
    right = f"{told.name}, {method.file}:{method.line}"
    left = f"{direction} {count}: {step.name}"
    if len(left) + len(right) + 2 > COLUMNS:
        right = told.name
    gap = max(2, COLUMNS - len(left) - len(right))
    return [RULE, f"{left}{' ' * gap}{right}", RULE]


def _equations(text):
    """Equations, two columns in from the left; a line that is too long goes on below."""
    lines = []
    for line in text.splitlines():
        after = " " * (line.find("= ") + 4)
        kept = {"drop_whitespace": False, "subsequent_indent": after}
        long = len(line) > COLUMNS - 2
        lines += [f"  {part}" for part in (wrap(line, COLUMNS - 2, **kept) if long else [line])]
    return lines


def _values(name, array):
    """An array's shape, mean, spread and range, and below them a few numbers of it."""
    if not array.ndim:
        return [f"{name}   {short(float(array))}"]
    at, numbers = first_numbers(array)
    spread = f"mean {short(float(array.mean())):<11}deviation {short(float(array.std())):<10}"
    ends = f"{short(float(array.min()))} to {short(float(array.max()))}"
    return [f"{name}   {shape_text(array):<14}{spread}{ends}", f"    {name + at:<14}{numbers}"]


def _heads(step):
    """How concentrated the attention of each head is, where the cache has its weights."""
    if not (isinstance(step.cache, dict) and "heads" in step.cache):
        return []
    p = step.cache["heads"][3][:, 0]  # (T keys, heads, T queries)
    most = p.max(axis=0).mean(axis=1)
    shares = ", ".join(f"{share:.0%}" for share in most[:12])
    words = f"The largest weight of a query, on average, head by head: {shares}"
    return ["", *wrap(words + (" ..." if len(most) > 12 else ""), COLUMNS)]


def _costs(walk, step):
    """The layer's share of the parameters and of the multiplications."""
    leaves, count, lines = list(tree.walk(step.params)), tree.count(step.params), []
    if count:
        shapes = ", ".join(f"{name} {shape_text(leaf)}" for name, leaf in leaves[:MOST])
        more = f", and {len(leaves) - MOST} more" if len(leaves) > MOST else ""
        share = f"{count / walk.parameters:.1%}"
        lines += wrap(f"parameters  {count:,}, {share} of the model: {shapes}{more}", COLUMNS)
    if step.macs:
        lines.append(f"products    {decimal(step.macs)} MACs, {step.macs / walk.macs:.1%} of them")
    return lines or ["no parameters, no matrix products"]


def _gradients(step, leaves):
    """A line for each gradient: its norm, that norm relative to the parameter's, the largest."""
    line = f"{{:<{LONGEST}}}{{:<12}}{{:>10}}{{:>10}}{{:>11}}  {{}}"
    lines = [line.format("gradient of", "shape", "norm", "relative", "largest", "at")]
    params = dict(tree.walk(step.params))
    for name, grad in leaves[:MOST]:
        index, value = largest(grad)
        size = norm(params[name])
        relative = f"{norm(grad) / size:.2%}" if size else "-"
        at = ", ".join(map(str, index))
        shown = name if len(name) < LONGEST else f"..{name[3 - LONGEST :]}"
        numbers = short(norm(grad)), relative, short(value)
        lines.append(line.format(shown, shape_text(grad), *numbers, at))
    more = len(leaves) - MOST
    return [*lines, *([f"... and {more} more"] if more > 0 else [])]


def _one(array):
    """The array of the one picture: without the batch axis."""
    array = np.asarray(array)
    return array[0] if array.ndim else array
