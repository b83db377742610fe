"""The sizes that are measured: small enough for a CPU, and different in what limits their speed."""

from dataclasses import dataclass

from ..config import Config


@dataclass(frozen=True)
class Size:
    """A model and the number of images in a step."""

    config: Config
    batch: int

    def products(self, images):
        """The matrix products of a block's Linear layers for `images` images: {name: (m, k, n)}.

        Rows are tokens: (m, k) @ (k, n). The two products of backward, dx and dw, have the same
        three lengths in another order.
        """
        c = self.config
        rows = images * c.tokens
        return {
            "qkv": (rows, c.dim, 3 * c.dim),
            "proj": (rows, c.dim, c.dim),
            "fc1": (rows, c.dim, c.mlp_dim),
            "fc2": (rows, c.mlp_dim, c.dim),
        }

    def __str__(self):
        c = self.config
        stem = "" if c.stem == "none" else f"stem {c.stem}, "
        return (
            f"{stem}D {c.dim}, {c.depth} blocks, {c.heads} heads, MLP {c.mlp_dim}, "
            f"{c.tokens} tokens, batch {self.batch}"
        )


SIZES = {
    "A": Size(Config(dim=192, depth=6, heads=3, mlp_dim=768), 128),
    "B": Size(Config(dim=128, depth=6, heads=4, mlp_dim=256), 128),
    "C": Size(Config(dim=384, depth=6, heads=6, mlp_dim=1536), 64),
    "D": Size(Config(dim=64, depth=4, heads=8, mlp_dim=128), 50),
    "E": Size(Config(dim=96, depth=6, heads=3, mlp_dim=192, stem="small"), 64),
}
