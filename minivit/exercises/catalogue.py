"""The exercises, from easy to hard: of each, the source file and the part that is cut out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Exercise:
    """An exercise: write what is missing in `function`, in the source file `file`.

    `owner` is the layer's class: it is graded, and its file's other classes are left out. The
    statements from the one that begins with `first` to the one that begins with `last` (or to the
    end of the function) are replaced by `ask` and a NotImplementedError. `without` lists what
    would give the answer away: statements, by how they begin, and methods ("def ..."). Of the
    docstring the first `equations` blocks of equations stay, and the paragraphs that begin with
    one of `keep`.
    """

    name: str
    title: str
    file: str
    owner: str
    function: str
    first: str
    ask: str
    last: str = ""
    without: tuple[str, ...] = ()
    equations: int = 1
    keep: tuple[str, ...] = ()
    random: bool = False  # the layer does something else in training than in evaluation


EXERCISES = {
    exercise.name: exercise
    for exercise in (
        Exercise(
            "linear",
            "one matrix for every token: dx, dw and db",
            "layers/linear.py",
            "Linear",
            "Linear.backward",
            first="rows = ",
            ask="Compute dx, dw and db; x is (..., D_in), with any number of axes in front.\n"
            'return dx, {"w": dw, "b": db}',
        ),
        Exercise(
            "cross_entropy",
            "the loss, where every gradient begins: dlogits",
            "layers/cross_entropy.py",
            "CrossEntropy",
            "CrossEntropy.backward",
            first="dlogits = ",
            ask="p = softmax(logits) and q, the target, are (B, C). The rows of q need not sum "
            "to 1.\nreturn dlogits (B, C): a loss has no gradients of parameters.",
        ),
        Exercise(
            "gelu",
            "a smooth gate: its slope, by the product and the chain rule",
            "layers/gelu.py",
            "Gelu",
            "output_and_slope",
            first="two_x_slope_u = ",
            last="xp.add(s, x_slope_s",
            ask="The slope is the derivative of y = x * s by x. Compute it from near (which is x), "
            "u and s, and write it into slope_piece:\nslope_piece[...] = ...",
        ),
        Exercise(
            "layernorm",
            "mean and variance depend on x too: dx, dgamma and dbeta",
            "layers/layernorm.py",
            "LayerNorm",
            "LayerNorm.backward",
            first="dy_xhat = ",
            ask="xhat is (..., D), rstd is (..., 1). One x[i] changes the mean and the variance, "
            "and through them every xhat of its token.\n"
            'return dx, {"gamma": dgamma, "beta": dbeta}',
        ),
        Exercise(
            "dropout",
            "zeros at random: what goes back through them",
            "layers/dropout.py",
            "Dropout",
            "Dropout.backward",
            first="dx = ",
            ask="The mask is an array of bool.\nreturn dx, {}: there are no parameters.",
            random=True,
            keep=("With this scale",),
        ),
        Exercise(
            "patchify",
            "pixels change their place: bring each gradient back",
            "layers/patchify.py",
            "Patchify",
            "Patchify.backward",
            first="grid = ",
            ask="h, w, c are the image's sizes.\nreturn dx, {}, with dx (B, H, W, C)",
            keep=("(i, j) is",),
        ),
        Exercise(
            "position",
            "one vector added for all images: dpos",
            "layers/tokens.py",
            "PositionEmbedding",
            "PositionEmbedding.backward",
            first='return dy, {"pos"',
            ask='pos is (T, D), and dy is (B, T, D).\nreturn dx, {"pos": dpos}',
        ),
        Exercise(
            "softmax",
            "in attention: from the weights' gradient to the scores'",
            "layers/attention.py",
            "Attention",
            "Attention.backward",
            first="dp -= mean_dp",
            last="ds = ",
            without=("mean_dp = self", "def mean_dp"),
            ask="p and dp are (T keys, B, heads, T queries), and p is the softmax of s over the "
            "first axis. dp is the gradient of p, times 1/sqrt(K).\n"
            "Compute ds, the gradient of s, also times 1/sqrt(K), of the same shape.",
            keep=("`heads` such", "In memory"),
        ),
        Exercise(
            "attention",
            "queries, keys, values: the whole way back",
            "layers/attention.py",
            "Attention",
            "Attention.backward",
            first="do, grads",
            without=("def mean_dp",),
            ask="Go back through proj, o, softmax and the scores to dq, dk and dv; then, with the "
            "three side by side (B, T, 3D), through qkv.\n"
            "q, k, v are (B, heads, T, K), p is (T keys, B, heads, T queries), o is (B, T, D); "
            "by_head, self.scores, self.split_heads and self.split_qkv (its parts are views) help."
            '\nself.proj.backward takes cache.pop("proj"), self.qkv.backward cache.pop("qkv").\n'
            'return dx, grads, with grads["qkv"] and grads["proj"].',
            keep=("`heads` such", "In memory"),
        ),
        Exercise(
            "block",
            "two residual sums: what is used twice gets two gradients",
            "layers/block.py",
            "TransformerBlock",
            "TransformerBlock.backward",
            first="dh, _ = path.backward(dy",
            ask="Read forward from its last line to its first. A part's backward takes the "
            'gradient of its output and its own cache, such as cache.pop("mlp"), and returns '
            "two things: the gradient of its input, and those of its parameters ({} for drop "
            "and path).\n"
            "return dx, grads, with grads of norm1, attn, norm2 and mlp.",
            random=True,
            keep=("`drop` is",),
        ),
        Exercise(
            "vit",
            "the whole model: from dlogits back to the image",
            "vit.py",
            "ViT",
            "ViT.backward",
            first="for name, part in reversed",
            ask="Read forward from its last part to its first. Take each part's cache with "
            "cache.pop(name).\nreturn dx, self.summed(grads), with a dict of gradients for each "
            "part: summed adds those of parts that use the same parameters.",
            keep=("`init` returns",),
        ),
        Exercise(
            "adamw",
            "from gradients to a step: two running means, and decay",
            "optim/adamw.py",
            "AdamW",
            "AdamW.update",
            first="m *= ",
            ask="Change m, v and vector in place (m *= ..., vector -= ...), as they are views into "
            "larger arrays; leave the gradient as it is. Decay the weights before they change.\n"
            "Nothing is returned.",
            equations=0,
            keep=("t is the number",),
        ),
    )
}
