"""The training loop on one page: no workers, no files, no printing.

`python -m minivit.training.plain` trains a small model with it on the built-in pictures. The real
one, `trainer.py`, takes the same steps with a batch cut up among all cores; a test holds it to the
weights that this page gives.
"""

import itertools
import math

import numpy as np

from ..arrays import tree
from ..arrays.keys import Key, generator
from ..config import Config
from ..data import load
from ..data.batches import epoch
from ..data.normalise import channel_statistics, normalise
from ..layers import CrossEntropy
from ..optim import AdamW, clip_scale, sum_of_squares, warmup_cosine
from ..vit import ViT
from .recipe import Recipe


def train(model, loss_layer, rule, recipe, params, batches, steps, mean, std):
    """Change `params` in place by `steps` steps; yield the loss (nats) of each.

    rule: how weights follow their gradient, such as `AdamW()`; batches: an iterator of images
    (B, H, W, C) uint8 and labels (B,); mean, std: (C,), of the training images in 0..1.
    """
    state = {name: rule.init(weights) for name, weights in tree.walk(params)}
    warmup = math.ceil(recipe.warmup * steps)
    for step, (images, labels) in enumerate(itertools.islice(batches, steps), 1):
        x = normalise(images, mean, std)
        logits, cache = model.forward(params, x, Key(recipe.seed, step))
        loss, loss_cache = loss_layer.forward(logits, labels)

        dlogits = loss_layer.backward(1.0, loss_cache)
        _, gradients = model.backward(dlogits, cache)  # the first is the images' own gradient

        gradients = dict(tree.walk(gradients))  # by dotted name
        norm = np.sqrt(sum(sum_of_squares(gradient) for gradient in gradients.values()))
        scale = clip_scale(norm, recipe.clip).astype(loss.dtype)
        lr = warmup_cosine(step, steps, warmup, recipe.lr)
        for name, weights in tree.walk(params):
            decay = recipe.weight_decay if tree.is_decayed(name) else 0.0
            rule.update(weights, scale * gradients[name], state[name], lr, step, decay)
        yield float(loss)


def endless_batches(dataset, recipe):
    """Epoch after epoch of the training images, cropped and flipped."""
    images, labels = dataset.train_images, dataset.train_labels
    options = {"batch_size": recipe.batch_size, "seed": recipe.seed}
    for number in itertools.count(1):
        yield from epoch(images, labels, np.arange(len(labels)), number=number, **options)


def main(steps=150):
    """Train on `shapes` and print the loss of every tenth step, then the test accuracy."""
    dataset, recipe = load("shapes"), Recipe(batch_size=64, lr=2e-3)
    model = ViT(Config(dim=64, depth=4, heads=4, mlp_dim=128, pool="mean", init="mimetic"))
    params = tree.map(np.float32, model.init(generator(recipe.seed, "init")))
    mean, std = (np.float32(x) for x in channel_statistics(dataset.train_images))
    loss_layer, batches = CrossEntropy(recipe.smoothing), endless_batches(dataset, recipe)
    losses = train(model, loss_layer, AdamW(), recipe, params, batches, steps, mean, std)
    for step, loss in enumerate(losses, 1):
        if step % 10 == 0:
            print(f"step {step:3} of {steps}: loss {loss:.3f}", flush=True)
    logits = model.predict(params, normalise(dataset.test_images, mean, std))
    print(f"test accuracy {(logits.argmax(axis=1) == dataset.test_labels).mean():.1%}")


if __name__ == "__main__":
    main()
