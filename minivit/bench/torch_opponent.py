"""The opponent: the same model in PyTorch eager, as a practised user would write it.

Fused attention (scaled_dot_product_attention), fused AdamW, PyTorch's own choice of threads. Its
step does less than ours: its images are floats already, and it does not clip gradients.
"""

from dataclasses import fields

import numpy as np

from ..errors import BackendError, ConfigError
from ..training.recipe import Recipe
from .timing import SECONDS, average, no_wait, repeats, timed

# The fields of Config that `build` knows; the start of the parameters does not change the speed.
KNOWN = (
    *("image_size", "patch_size", "patch_overlap", "channels", "classes", "dim", "depth", "heads"),
    *("mlp_dim", "pool", "gelu", "init", "stem"),
)


def load():
    """The module torch. Raises BackendError where it is not installed."""
    try:
        import torch
    except ImportError:
        raise BackendError("--against torch needs PyTorch: pip install torch") from None
    return torch


class Opponent:
    """A PyTorch ViT of a `Size` with its optimizer and a batch; device: "cpu" or "gpu".

    Raises BackendError without PyTorch, ConfigError for a model that `build` cannot make.
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
        shape = (size.batch, *c.image_shape)
        self.images = torch.from_numpy(rng.standard_normal(shape, np.float32)).to(self.device)
        self.labels = torch.from_numpy(rng.integers(0, c.classes, size.batch)).to(self.device)
        self.wait = torch.cuda.synchronize if device == "gpu" else no_wait

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
        """Seconds of a training step and of a forward pass -> {"train", "forward": seconds}."""
        return {n: average(getattr(self, n), self.wait, least) for n in ("train", "forward")}


class InferenceOpponent:
    """The PyTorch ViT of a `Size` in evaluation, and a batch of prepared images, on the CPU.

    Its patches are a Linear layer on pixels as they lie in memory. Raises as `Opponent` does.
    """

    def __init__(self, size):
        self.torch = torch = load()
        c, rng = size.config, np.random.default_rng(0)
        self.model = build(torch, c).eval()
        shape = (size.batch, *c.image_shape)
        self.images = torch.from_numpy(rng.standard_normal(shape, np.float32))

    def batch(self):
        """The logits of the whole batch."""
        with self.torch.inference_mode():
            self.model(self.images)

    def one(self):
        """The logits of one image."""
        with self.torch.inference_mode():
            self.model(self.images[:1])

    def turn(self, least=SECONDS):
        """Seconds of a batch and of one image -> {"batch", "one": seconds}."""
        works = {"batch": self.batch, "one": self.one}
        return {name: average(work, no_wait, least) for name, work in works.items()}


def rates(lengths, device="cpu", runs=7, least=0.02):
    """GFLOP/s of torch.matmul, as `peak.rates` measures ours -> {name: rate}."""
    torch, best = load(), {}
    wait = torch.cuda.synchronize if device == "gpu" else no_wait
    for name, (m, k, n) in lengths.items():
        where = {"device": "cuda" if device == "gpu" else "cpu"}
        x, w, dy = (torch.randn(shape, **where) for shape in ((m, k), (k, n), (m, n)))
        best[name] = 0.0
        for a, b in ((x, w), (dy, w.T), (x.T, dy)):
            out = a @ b
            count = repeats(timed(lambda a=a, b=b, out=out: torch.mm(a, b, out=out), wait), least)

            def multiply(a=a, b=b, out=out, count=count):
                for _ in range(count):
                    torch.mm(a, b, out=out)

            seconds = min(timed(multiply, wait) for _ in range(runs))
            best[name] = max(best[name], 2 * m * k * n * count / seconds / 1e9)
    return best


def build(torch, config):
    """The model as a torch.nn.Module: images (B, H, W, C) -> logits (B, classes).

    Raises ConfigError for what it lacks: dropout of any kind, and stems but the small one.
    """
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name not in KNOWN and value != field.default:
            raise ConfigError(
                f"the PyTorch model has no {field.name}: compare a model with {field.name} "
                f"{field.default}; got {value!r}"
            )
    if config.stem not in ("none", "small"):
        raise ConfigError(f"the PyTorch model has no stem {config.stem}: compare none or small")
    nn, functional, c = torch.nn, torch.nn.functional, config
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
            o = functional.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4))
            x = x + self.proj(o.transpose(1, 2).reshape(b, t, d))
            return x + self.mlp(self.norm2(x))

    class Stem(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.norm1 = nn.Conv2d(c.channels, 48, 3, 2), nn.LayerNorm(48, 1e-6)
            self.conv2, self.norm2 = nn.Conv2d(48, 96, 3, 2), nn.LayerNorm(96, 1e-6)

        def convolved(self, convolution, x):
            x = functional.pad(x, (0, 0, 0, 1, 0, 1)).permute(0, 3, 1, 2)  # channels last in memory
            return convolution(x).permute(0, 2, 3, 1)

        def forward(self, images):
            x = self.norm1(self.convolved(self.conv1, images))
            x = functional.gelu(x, approximate=approximate)
            return self.norm2(self.convolved(self.conv2, x))

    class VisionTransformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Identity() if c.stem == "none" else Stem()
            self.patch = nn.Linear(c.patch_dim, c.dim)
            self.token = nn.Parameter(torch.zeros(1, c.prefix_tokens, c.dim))
            self.position = nn.Parameter(0.02 * torch.randn(1, c.tokens, c.dim))
            self.blocks = nn.Sequential(*(Block() for _ in range(c.depth)))
            self.norm, self.head = nn.LayerNorm(c.dim, 1e-6), nn.Linear(c.dim, c.classes)
            if c.pool == "sequence":
                self.score = nn.Linear(c.dim, 1, bias=False)

        def forward(self, images):
            x = self.patch(self.patches(self.stem(images)))
            x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.position
            return self.head(self.pool(self.norm(self.blocks(x))))

        def patches(self, images):
            b, (p, q), o = len(images), c.cut, c.patch_overlap
            if o:
                images = functional.pad(images, (0, 0, o, o, o, o))  # zeros around the pixels
            x = images.unfold(1, p + 2 * o, p).unfold(2, q + 2 * o, q)  # (B, i, j, C, r, s)
            return x.permute(0, 1, 2, 4, 5, 3).reshape(b, c.patches, -1)

        def pool(self, x):
            if c.pool == "class":
                return x[:, 0]
            if c.pool == "mean":
                return x.mean(1)
            return (self.score(x).softmax(1).transpose(1, 2) @ x)[:, 0]  # weights (B, 1, T)

    return VisionTransformer()
