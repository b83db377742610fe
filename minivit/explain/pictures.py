"""The pictures that travel in a page: the user's own, and some of the model's test images."""

from ..evaluation.images import load_part
from .picture import Picture

COUNT = 10


def test_pictures(trained, dataset=None, data_dir=None):
    """Test images, of as many classes as there are -> list of (`Picture`, label).

    dataset, data_dir: as for `data.load`; by default those of the model's own run. Raises
    MinivitError where there are none that fit.
    """
    part = load_part(trained, "test", dataset, data_dir, say=lambda line: None)
    chosen = chosen_indices(part.targets.tolist(), COUNT)
    return [
        (Picture(f"{part.dataset}, test image {i}", part.images[i]), int(part.targets[i]))
        for i in chosen
    ]


def chosen_indices(labels, count):
    """The first image of every label, then the second, ... until there are `count`."""
    seen, turns = {}, []
    for index, label in enumerate(labels):
        seen[label] = seen.get(label, 0) + 1
        turns.append((seen[label], label, index))
    return [index for _, _, index in sorted(turns)[:count]]
