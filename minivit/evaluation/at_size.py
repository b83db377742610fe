"""A model at another image size than its run's, and the images that it was trained on."""

from ..config import Config, pair
from ..data.resize import at_size, refuse_placed
from ..training.description import fingerprint


def other_size(trained, dataset, any_size=False):
    """To which height and width a data set's images must be resized for a model; None if not.

    A model is judged on resized images if it was taken to another size itself, or if its run
    resized them because it began with a model of another size; or with `any_size`. Raises
    ConfigError where the targets tell of pixels.
    """
    size = trained.config.image_shape[:2]
    resizes = any_size or "resized_from" in trained.about or "from" in trained.about
    if not resizes or dataset.train_images.shape[1:3] == size:
        return None
    refuse_placed(dataset)
    return size


def is_own(trained, dataset, load):
    """Whether a data set is that of the model's run, by its hash.

    load: image size -> the same data set, for files that are read at the size that is asked for.
    """
    wanted, size = trained.about.get("dataset_sha256"), run_size(trained)
    if not isinstance(wanted, str):
        return False
    has = dataset.train_images.shape[1:3]
    if "resized_from" in trained.about and has == trained.config.image_shape[:2] != pair(size):
        dataset = load(size)  # a directory's images, read at the model's new size
        has = dataset.train_images.shape[1:3]
    if has != pair(size) and "from" in trained.about and not dataset.placed:
        dataset = at_size(dataset, pair(size))
    return wanted == fingerprint(dataset)


def run_size(trained):
    """The image size of the model's run."""
    setting = Config.settings()["image_size"]
    size = setting.plain(trained.about.get("resized_from", trained.config.image_size))
    return trained.config.image_size if setting.problem("image_size", size) else size
