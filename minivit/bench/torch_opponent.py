"""The opponent: the same model in PyTorch eager, as a practised user would write it.

Fused attention (scaled_dot_product_attention), fused AdamW, PyTorch's own choice of threads. Its
step does less than ours: its images are floats already, and it clips nothing.
"""

import numpy as np

from ..errors import BackendError
from ..training.recipe import Recipe
from .timing import SECONDS, average, repeats, timed


def load():
    """The module torch. Raises BackendError where it is not installed."""
    try:
        import torch
    except ImportError:
        raise BackendError("--against torch needs PyTorch: pip install torch") from None
    return torch


class Opponent:
    """A PyTorch ViT of a `Size` with its optimizer and a batch. Raises BackendError without it.

    device: "cpu" or "gpu".
    """

    def __init__(self, size, device="cpu"):
        torch = self.torch = load()
        if device == "gpu" and not torch.cuda.is_available():
            raise BackendError("--against torch on a GPU needs a PyTorch that finds one")
        self.device = "cuda" if device == "gpu" else "cpu"
        c, rng, recipe = size.config, np.random.default_rng(0), Recipe()
        self.model = build(torch, c).to(self.device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), recipe.lr, weight_decay=recipe.weight_decay, fused=True
        )
        self.loss = torch.nn.CrossEntropyLoss(label_smoothing=recipe.smoothing)
        shape = (size.batch, c.image_size, c.image_size, c.channels)
        self.images = torch.from_numpy(rng.standard_normal(shape, np.float32)).to(self.device)
        self.labels = torch.from_numpy(rng.integers(0, c.classes, size.batch)).to(self.device)
        self.wait = torch.cuda.synchronize if device == "gpu" else (lambda: None)

    def train(self):
        """One training step."""
        self.optimizer.zero_grad()
        self.loss(self.model(self.images), self.labels).backward()
        self.optimizer.step()

    def forward(self):
        """The logits; nothing is kept."""
        with self.torch.inference_mode():
            self.model(self.images)

    def turn(self, least=SECONDS):
        """Seconds of each piece of work -> dict."""
        return {n: average(getattr(self, n), self.wait, least) for n in ("train", "forward")}


def rates(lengths, device="cpu", runs=7, least=0.02):
    """GFLOP/s of torch.matmul, as `peak.rates` measures ours -> {name: rate}."""
    torch, found = load(), {}
    wait = torch.cuda.synchronize if device == "gpu" else (lambda: None)
    for name, (m, k, n) in lengths.items():
        where = {"device": "cuda" if device == "gpu" else "cpu"}
        x, w, dy = (torch.randn(shape, **where) for shape in ((m, k), (k, n), (m, n)))
        found[name] = 0.0
        for a, b in ((x, w), (dy, w.T), (x.T, dy)):
            out = a @ b
            count = repeats(timed(lambda a=a, b=b, out=out: torch.mm(a, b, out=out), wait), least)

            def multiply(a=a, b=b, out=out, count=count):
                for _ in range(count):
                    torch.mm(a, b, out=out)

            seconds = min(timed(multiply, wait) for _ in range(runs))
            found[name] = max(found[name], 2 * m * k * n * count / seconds / 1e9)
    return found


def build(torch, config):
    """The model as a torch.nn.Module: images (B, H, W, C) -> logits (B, classes)."""
    nn, c = torch.nn, config
    attend = nn.functional.scaled_dot_product_attention
    approximate = {"tanh": "tanh", "erf": "none"}[c.gelu]

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(c.dim, 1e-6), nn.LayerNorm(c.dim, 1e-6)
            self.qkv, self.proj = nn.Linear(c.dim, 3 * c.dim), nn.Linear(c.dim, c.dim)
            self.mlp = nn.Sequential(
                nn.Linear(c.dim, c.mlp_dim),
                nn.GELU(approximate),
                nn.Linear(c.mlp_dim, c.dim),
            )

        def forward(self, x):
            b, t, d = x.shape
            qkv = self.qkv(self.norm1(x)).reshape(b, t, 3, c.heads, d // c.heads)
            o = attend(*qkv.permute(2, 0, 3, 1, 4))
            x = x + self.proj(o.transpose(1, 2).reshape(b, t, d))
            return x + self.mlp(self.norm2(x))

    class VisionTransformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch = nn.Linear(c.patch_size**2 * c.channels, c.dim)
            self.token = nn.Parameter(torch.zeros(1, c.tokens - c.patches, c.dim))
            self.position = nn.Parameter(0.02 * torch.randn(1, c.tokens, c.dim))
            self.blocks = nn.Sequential(*(Block() for _ in range(c.depth)))
            self.norm, self.head = nn.LayerNorm(c.dim, 1e-6), nn.Linear(c.dim, c.classes)

        def forward(self, images):
            b, p, n = len(images), c.patch_size, c.image_size // c.patch_size
            x = images.reshape(b, n, p, n, p, c.channels).permute(0, 1, 3, 2, 4, 5)
            x = self.patch(x.reshape(b, n * n, -1))
            x = torch.cat([self.token.expand(b, -1, -1), x], 1) + self.position
            x = self.norm(self.blocks(x))
            return self.head(x[:, 0] if c.pool == "class" else x.mean(1))

    return VisionTransformer()
