"""What an objective is: the members that the trainer, the run and their records ask for."""

from typing import Protocol


class Objective(Protocol):
    """Write a class with these members, and give it to `Run(..., objective=...)`.

    name             what a checkpoint calls it
    outputs          the width of the model's head
    metrics          a tuple of `Metric`: what is reported, in this order; the first is the loss
    deciding         the name of the metric that decides which epoch is the "best"
    sums             {name: float or int}: what is summed over the images of an epoch

    `output` (B, outputs) is what the model returns; `doutput` is the gradient of the batch's mean
    loss with respect to it. `share` is the micro-batch's part of the batch: its number of images
    over the batch's (see `layers/cross_entropy.py`). Sums are 0-d arrays: on a GPU nothing here
    waits for the device. Sums that are floats must stay finite; otherwise the run stops.

    It is a dataclass, and the fields that its constructor takes are plain values: the file of a
    trained model holds them (`model_file.py`), and the constructor makes the objective from them
    again. A run's checkpoint holds no fields: there `of` makes it again. An objective whose fields
    follow from the targets has, in place of `of`,

        for_targets(names, targets)    -> the objective of training images with targets (n, K)

    and then the checkpoint holds its fields too. These may be there:

    remark(values)       -> a line to print beside a result
    note                 what a run says of it before it begins
    targets_in(images)   -> targets (B, ...) made of images uint8; those of the data are not used
    """

    name: str
    outputs: int
    metrics: tuple
    deciding: str
    sums: dict

    @classmethod
    def of(cls, config, recipe):
        """The objective of a run with this model and this recipe."""

    def train(self, output, targets, share):
        """One micro-batch, for its gradient -> doutput, sums."""

    def evaluate(self, output, targets):
        """One micro-batch, to be judged -> sums."""

    def values(self, sums, count):
        """{name of a metric: its value over `count` images}."""

    def predict(self, output):
        """What a user is given: probabilities, numbers, ..."""
