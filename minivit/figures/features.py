"""What the head reads of many images, in two dimensions."""

import numpy as np

from ..errors import ConfigError
from .drawing import COLOURS, MARKERS, Drawing, canvas, short
from .pca import principal_components

MOST, THUMBNAILS = 1000, 60  # images; without labels, up to so many are shown themselves


def draw(subject):
    """One figure: a point for each image, at the first two principal components."""
    trained, shown = subject.trained, subject.shown
    shown = shown.first(MOST)
    if len(shown.images) < 3:
        raise ConfigError("the figure features needs at least 3 images, to compare them")
    points, _, shares = principal_components(trained.features(shown.images), 2)
    if points.shape[1] < 2:  # a model of width 1
        points = np.pad(points, ((0, 0), (0, 1)))
        shares = np.pad(shares, (0, 1))
    figure = canvas(4.4, 5.6)
    axes = figure.subplots()
    if shown.labels is not None:
        plot_classes(axes, points, shown.labels, shown.classes)
    elif len(points) <= THUMBNAILS:
        plot_pictures(axes, points, shown.images)
    else:
        axes.plot(*points.T, "o", ms=3, mew=0, alpha=0.7, color=COLOURS[0])
    axes.set_xlabel(f"first principal component ({shares[0]:.0%} of the variance)")
    axes.set_ylabel(f"second ({shares[1]:.0%})")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", "datalim")
    reads = {"class": "the class token", "mean": "the mean of the tokens"}
    reads = {**reads, "sequence": "a weighted mean of the tokens", "": "the mean of the last map"}
    caption = (
        f"What the head reads ({reads[getattr(trained.config, 'pool', '')]}) "
        f"of {len(points)} images, at its first two principal components."
    )
    if shown.labels is not None:
        caption += " Each class has a large marker at its median."
    return [Drawing("features", figure, caption)]


def plot_classes(axes, points, labels, classes):
    """Points with a colour and a marker for each class; at their median a large one, and its name.

    Of many classes those with the most images have names, the others are grey.
    """
    from matplotlib.patheffects import withStroke

    named = most_frequent(labels, 2 * len(COLOURS))
    axes.plot(*points[~np.isin(labels, named)].T, ".", ms=2, color="#BBBBBB", zorder=1)
    medians = np.array([np.median(points[labels == label], axis=0) for label in named])
    height, width = 0.045 * np.ptp(points[:, 1]), 0.2 * np.ptp(points[:, 0])
    places = spread(medians, width, height)
    for i, (label, median, place) in enumerate(zip(named, medians, places, strict=True)):
        colour = COLOURS[i % len(COLOURS)]
        marker = MARKERS[(i + i // len(COLOURS)) % len(MARKERS)]
        axes.plot(*points[labels == label].T, marker, ms=3.5, mew=0, alpha=0.5, color=colour)
        axes.plot(*median, marker, ms=9, mec="white", mew=1.2, color=colour, zorder=3)
        axes.annotate(
            short(classes[label], 18), median, (place[0] + 0.1 * width, place[1]), color="black",
            va="center", zorder=4, path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )  # fmt: skip


def spread(places, width, height):
    """Places (n, 2) moved up or down until boxes of this size at them do not overlap, or nearly."""
    places = places.copy()
    for _ in range(100):
        moved = False
        for i, j in zip(*np.triu_indices(len(places), 1), strict=True):
            gap = places[j] - places[i]
            if abs(gap[0]) < width and abs(gap[1]) < height:
                push = (height - abs(gap[1])) / 2 + 1e-3 * height
                places[[i, j], 1] += np.array([-push, push]) * (1 if gap[1] >= 0 else -1)
                moved = True
        if not moved:
            break
    return places


def most_frequent(labels, count):
    """The `count` labels that most images have, by number."""
    values, counts = np.unique(labels, return_counts=True)
    return np.sort(values[np.argsort(-counts, kind="stable")[:count]])


def plot_pictures(axes, points, images):
    """The pictures themselves at their points."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    axes.plot(*points.T, ".", ms=1)  # so that the axes have the points' range
    axes.margins(0.1)
    for point, image in zip(points, images, strict=True):
        grey = image.shape[-1] != 3
        picture = image.mean(axis=-1) / 255 if grey else image
        box = OffsetImage(picture, zoom=24 / image.shape[0], cmap="gray")
        axes.add_artist(AnnotationBbox(box, point, frameon=False))
