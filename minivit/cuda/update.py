"""The optimizers on a GPU: one pass over the flat vector for each rule, and batched products.

Muon's matrices of one shape lie on top of each other in one array, so the whole model needs as many
products as one matrix.
"""

import math
from typing import NamedTuple

from ..arrays import tree
from ..arrays.backend import array_module
from ..optim import SGD, Muon
from ..optim.average import decay_at
from ..optim.muon import ROUNDS, A, B, C
from . import kernels
from .graphs import Repeated
from .products import multiply

THREADS = 256


class Region(NamedTuple):
    """Neighbouring parameters with one rule. stacks: their matrices, where the rule needs them."""

    rule: object
    slice: slice
    decayed: bool
    stacks: dict


class Stack(NamedTuple):
    """`count` matrices of one shape in a region, the first at `start`, `stride` numbers apart."""

    start: int
    stride: int
    count: int
    shape: tuple

    def view(self, flat):
        """The matrices as rows of a view (count, rows * columns) into the flat region."""
        size = math.prod(self.shape)
        if self.count == 1:
            return flat[None, self.start : self.start + size]
        rows = flat[: self.count * self.stride].reshape(self.count, self.stride)
        return rows[:, self.start : self.start + size]


class FusedUpdate:
    """What `minivit.training.update.Update` is elsewhere: the same rules and the same `state`.

    rules: (for the matrices of the blocks, for all other parameters), as `OPTIMIZERS` has them.
    """

    shares = ()  # there is one worker

    def __init__(self, recipe, rules, places, vector, gradients):
        self.recipe, self.vector, self.gradients = recipe, vector, gradients
        matrix_rule, rule = rules
        self.state = rule.init(vector)
        if recipe.ema:
            self.state["ema"] = vector.copy()
        self.regions = list(regions(places, matrix_rule, rule))
        self.dtype, xp = vector.dtype.name, array_module(vector)
        self.norm, self.scale = xp.empty((), dtype="float64"), xp.empty(1, dtype=self.dtype)
        self.directions = {
            region.slice.start: xp.empty_like(vector[region.slice])
            for region in self.regions
            if isinstance(region.rule, Muon)
        }
        self.begin = Repeated(self.clip_and_direct, xp)

    def step(self, number, lr, count, sums=()):
        """Clip the gradient and take step `number` (from 1) -> its norm before that, `sums`."""
        self.gradients.meet(count)
        self.begin()
        for region in self.regions:
            self.apply(region, number, lr)
        if "ema" in self.state:
            d = decay_at(number, self.recipe.ema)
            combine(self.state["ema"], self.vector, d, 1 - d)
        return self.norm, sums

    def clip_and_direct(self):
        """All that is the same function in each step: the gradient's norm, a float64, the factor
        that clips it, and Muon's directions."""
        gradient = self.gradients.vectors[0]  # whatever `count` is: one worker has added it up
        xp = array_module(gradient)
        blocks = min(4 * kernels.attribute("MultiProcessorCount"), -(-len(gradient) // 256))
        sums = xp.empty(blocks, dtype="float64")
        squares = kernels.kernel("optimizers", "squares", self.dtype)
        squares((blocks,), (THREADS,), (gradient, sums, len(gradient)))
        clip = kernels.kernel("optimizers", "clip", self.dtype)
        clip((1,), (32,), (sums, blocks, float(self.recipe.clip), self.norm, self.scale))
        for region in self.regions:
            if isinstance(region.rule, Muon):
                u, own = self.directions[region.slice.start], region.slice
                rest = (self.scale, len(u), region.rule.momentum)
                launch(
                    "momentum", len(u), self.dtype, gradient[own], self.state["m"][own], u, *rest
                )
                orthogonalise(u, region.stacks)

    def apply(self, region, step, lr):
        """New weights of a region."""
        gradient = self.gradients.vectors[0]
        vector, gradient, m = (x[region.slice] for x in (self.vector, gradient, self.state["m"]))
        rule, size = region.rule, len(vector)
        kept = 1 - lr * (self.recipe.weight_decay if region.decayed else 0.0)
        if isinstance(rule, Muon):
            combine(vector, self.directions[region.slice.start], kept, -lr)
        elif isinstance(rule, SGD):
            rest = (self.scale, size, rule.momentum, float(lr), kept)
            launch("sgd", size, self.dtype, vector, gradient, m, *rest)
        else:
            root, rate = math.sqrt(1 - rule.beta2**step), lr / (1 - rule.beta1**step)
            rest = (self.scale, size, rule.beta1, rule.beta2, rule.eps, root, rate, kept)
            v = self.state["v"][region.slice]
            launch("adamw", size, self.dtype, vector, gradient, m, v, *rest)


def launch(name, size, dtype, *arguments):
    """Start a kernel of optimizers.cu with a thread for each of `size` numbers."""
    kernel = kernels.kernel("optimizers", name, dtype)
    kernel((-(-size // THREADS),), (THREADS,), arguments)


def combine(x, z, a, b):
    """x = a * x + b * z, contiguous arrays of one shape -> x."""
    launch("combine", x.size, x.dtype.name, x, z, x, x.size, float(a), float(b))
    return x


def orthogonalise(u, stacks):
    """Replace the matrices in the flat array u by Muon's steps along them, of learning rate 1."""
    xp = array_module(u)
    for (_, longer), group in stacks.items():
        matrices = [stack.view(u).reshape(-1, *stack.shape) for stack in group]
        wide = [m.swapaxes(1, 2) if m.shape[1] > m.shape[2] else m for m in matrices]
        o, first = orthogonal(xp.ascontiguousarray(xp.concatenate(wide))), 0
        for stack, m in zip(group, matrices, strict=True):
            part = o[first : first + stack.count]
            part = part.swapaxes(1, 2) if m.shape[1] > m.shape[2] else part
            step = part * (0.2 * math.sqrt(longer))
            stack.view(u)[...] = step.reshape(stack.count, -1)
            first += stack.count


def orthogonal(x):
    """`minivit.optim.muon.orthogonal` of matrices (count, rows, columns), rows <= columns."""
    xp = array_module(x)
    x = x / (xp.sqrt((x * x).sum(axis=(1, 2), keepdims=True)) + 1e-7)
    for _ in range(ROUNDS):
        square = multiply(x, x, transpose_b=True)
        polynomial = combine(multiply(square, square), square, C, B)
        x = combine(multiply(polynomial, x), x, 1.0, A)
    return x


def regions(places, matrix_rule, rule):
    """The regions of the vector that `places` describes, in its order."""
    found = []
    for name, (start, stop, shape) in sorted(places.items(), key=lambda place: place[1]):
        decayed = tree.is_decayed(name)
        own = matrix_rule if tree.is_hidden_matrix(name) else rule
        if found and found[-1][:2] == (own, decayed):
            found[-1][2].append((name, start, stop, shape))
        else:
            found.append((own, decayed, [(name, start, stop, shape)]))
    for own, decayed, leaves in found:
        first, last = leaves[0][1], leaves[-1][2]
        stacks = stacks_of(leaves, first, last) if own.whole_matrices else {}
        yield Region(own, slice(first, last), decayed, stacks)


def stacks_of(leaves, first, last):
    """{(shorter side, longer side): [Stack, ...]} of leaves (name, start, stop, shape).

    Leaves of one name in all blocks are a stack where the blocks are alike and fill the region,
    first..last of the vector.
    """
    by_name, stacks = {}, {}
    for name, start, _, shape in leaves:
        by_name.setdefault((name.partition(".")[2], shape), []).append(start - first)
    for (_, shape), starts in by_name.items():
        count, stride = len(starts), (last - first) // len(starts)
        if stride * count == last - first and starts == [
            *range(starts[0] % stride, last - first, stride)
        ]:
            found = [Stack(starts[0], stride, count, shape)]
        else:
            found = [Stack(start, 0, 1, shape) for start in starts]
        stacks.setdefault((min(shape), max(shape)), []).extend(found)
    return stacks
