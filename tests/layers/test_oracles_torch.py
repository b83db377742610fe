"""The whole model against PyTorch's own layers: the same logits, the same gradients, in float64.

An independent oracle: a strided convolution for the patches, `nn.TransformerEncoderLayer` for the
blocks, autograd for the gradients.
"""

import numpy as np
import pytest
from cases import B, draw, redrawn, tiny

from minivit import CrossEntropy
from minivit.arrays import tree

torch = pytest.importorskip("torch", reason="PyTorch is the optional oracle: pip install torch")
nn = torch.nn


class Plain(nn.Module):
    """The same model in PyTorch's own layers."""

    def __init__(self, config):
        super().__init__()
        c = self.config = config
        approximate = {"tanh": "tanh", "erf": "none"}[c.gelu]
        p, o = c.patch_size, c.patch_overlap
        self.patch = nn.Conv2d(c.channels, c.dim, p + 2 * o, stride=p, padding=o)
        self.cls = nn.Parameter(torch.zeros(1, 1, c.dim))
        self.pos = nn.Parameter(torch.zeros(1, c.tokens, c.dim))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                c.dim,
                c.heads,
                c.mlp_dim,
                dropout=0.0,
                activation=lambda x: nn.functional.gelu(x, approximate=approximate),
                layer_norm_eps=1e-6,
                batch_first=True,
                norm_first=True,
            )
            for _ in range(c.depth)
        )
        self.norm = nn.LayerNorm(c.dim, eps=1e-6)
        self.head = nn.Linear(c.dim, c.classes)

    def forward(self, images):
        x = self.patch(images.permute(0, 3, 1, 2)).flatten(2).transpose(1, 2)
        if self.config.pool == "class":
            x = torch.cat([self.cls.expand(len(x), -1, -1), x], dim=1)
        x = x + self.pos
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return self.head(x[:, 0] if self.config.pool == "class" else x.mean(1))


def correspondence(model):
    """{PyTorch's name: (our name, function from our array to theirs)}; weights there: (out, in)."""
    c = model.config

    def kernel(w):
        side = c.patch_size + 2 * c.patch_overlap
        return w.reshape(side, side, c.channels, c.dim).transpose(3, 2, 0, 1)

    def turned(w):
        return w.T

    def same(b):
        return b

    pairs = {
        "patch.weight": ("patch.w", kernel),
        "patch.bias": ("patch.b", same),
        "pos": ("position.pos", lambda pos: pos[None]),
        "norm.weight": ("norm.gamma", same),
        "norm.bias": ("norm.beta", same),
        "head.weight": ("head.w", turned),
        "head.bias": ("head.b", same),
    }
    if c.pool == "class":
        pairs["cls"] = ("class_token.cls", lambda cls: cls[None, None])
    for i in range(c.depth):
        for theirs, ours in (("1", "norm1"), ("2", "norm2")):
            pairs[f"blocks.{i}.norm{theirs}.weight"] = (f"block{i}.{ours}.gamma", same)
            pairs[f"blocks.{i}.norm{theirs}.bias"] = (f"block{i}.{ours}.beta", same)
        for theirs, ours in (
            ("self_attn.in_proj_", "attn.qkv"),
            ("self_attn.out_proj.", "attn.proj"),
            ("linear1.", "mlp.fc1"),
            ("linear2.", "mlp.fc2"),
        ):
            pairs[f"blocks.{i}.{theirs}weight"] = (f"block{i}.{ours}.w", turned)
            pairs[f"blocks.{i}.{theirs}bias"] = (f"block{i}.{ours}.b", same)
    return pairs


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(
    "pool, gelu, overlap",
    [("class", "tanh", 0), ("mean", "tanh", 0), ("class", "erf", 0), ("mean", "tanh", 3)],
)
def test_logits_and_gradients_are_those_of_pytorch(pool, gelu, overlap, smoothing):
    if gelu == "erf":
        pytest.importorskip("scipy", reason="the exact (erf) GELU needs SciPy")
    model = tiny(pool=pool, gelu=gelu, patch_overlap=overlap)
    params, images, labels = redrawn(model), draw((B, 6, 6, 3)), np.arange(B)
    ours, pairs = dict(tree.walk(params)), correspondence(model)
    assert sorted(ours) == sorted(name for name, _ in pairs.values())  # none left out

    plain = Plain(model.config).double()
    with torch.no_grad():
        for name, parameter in plain.named_parameters():
            if name in pairs:
                leaf, turn = pairs[name]
                parameter.copy_(torch.from_numpy(turn(ours[leaf]).copy()))
    their_images = torch.from_numpy(images).requires_grad_()
    their_logits = plain(their_images)
    their_loss = nn.functional.cross_entropy(
        their_logits, torch.from_numpy(labels), label_smoothing=smoothing
    )
    their_loss.backward()

    loss_layer = CrossEntropy(smoothing)
    logits, cache = model.forward(params, images)
    loss, loss_cache = loss_layer.forward(logits, labels)
    dimages, grads = model.backward(loss_layer.backward(1.0, loss_cache), cache)

    def close(mine, theirs, name):
        gap = np.abs(mine - theirs.detach().numpy()).max()
        assert gap <= 1e-10 * max(1.0, np.abs(mine).max()), name

    close(logits, their_logits, "logits")
    close(loss, their_loss, "loss")
    close(dimages, their_images.grad, "images")
    gradients, theirs = dict(tree.walk(grads)), dict(plain.named_parameters())
    for name, (leaf, turn) in pairs.items():
        close(turn(gradients[leaf]), theirs[name].grad, leaf)
