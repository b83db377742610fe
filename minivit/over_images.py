"""A function of a model over many images, on all cores: `Trained` calls those of `inside` so."""

import numpy as np

from . import arranged, inside
from .costs import flops
from .data.normalise import normalise, on_byte_scale
from .errors import ConfigError
from .parallel import crew
from .parallel.cuts import prediction_cuts
from .parallel.tree_sum import in_order
from .parallel.workers import Workers

MANY_FLOPS = 1e8  # 1 ms of a core: with less, the threads of the matrix library only wait


class OverImages:
    """function(model, params, normalised images, *args) -> (b, ...), of all images of a call.

    A worker takes a micro-batch of images at once, with one thread of the matrix library. What
    cannot be divided among workers is left to all of the library's threads, if it is work enough
    for them; their number may then change the last bits.

    model, params: of a `Trained`; mean, std: (C,), by which images are normalised.
    """

    def __init__(self, model, params, mean, std):
        self.model, self.params, self.mean, self.std = model, params, mean, std
        self.kept = arranged.Kept()

    def __call__(self, function, images, workers, *args):
        """images (B, H, W, C), uint8 or floats in 0..1 -> (B, ...). Raises ConfigError for others.

        workers: as in `Trained.predict`. `inside.outputs` is computed from arranged weights where
        `arranged.Kept` has them.
        """
        images, config = on_byte_scale(images), self.model.config
        shape = config.image_shape
        if images.ndim != 4 or images.shape[1:] != shape:
            raise ConfigError(f"the model takes images (B, {str(shape)[1:]}; got {images.shape}")
        if not len(images):  # as for one image, without that image
            return self(function, np.zeros((1, *shape), np.uint8), 1, *args)[:0]
        processes = getattr(workers, "processes", None) is not None
        cuts = prediction_cuts(len(images), config.tokens, processes)
        if len(cuts) == 1:
            free = workers is None or isinstance(workers, Workers)
            many = free and len(images) * flops(config) > MANY_FLOPS
            chosen = Workers(1, one_blas_thread=not many)
        else:
            chosen = crew.of_library(workers)
            if function is inside.outputs:
                self.kept.of(self.model, self.params)  # once, before workers start: they share it
        with chosen as workers:
            parts = workers.run_tasks(len(cuts), self.share, cuts, function, images, *args)
        return np.concatenate(in_order(parts))

    def share(self, indices, cuts, function, images, *args):
        """One worker's share of a call -> [(index of the micro-batch, function's result), ...]."""
        results, params = [], self.params
        if function is inside.outputs and (kept := self.kept.of(self.model, params)):
            function, params = arranged.outputs, kept
        for index in indices:
            x = normalise(images[slice(*cuts[index])], self.mean, self.std)
            results.append((index, function(self.model, params, x, *args)))
        return results
