"""What a run says while it works: a tqdm bar on a terminal, plain lines in a pipe."""

import sys
import time
from contextlib import contextmanager


class Progress:
    """Shows how far a run has come; `line` prints above the bar, or plainly where there is none.

    work: step -> the share of the run's computation that is done, 0..1. The time left follows from
    it, since steps differ: early ones, on fewer tokens, may take half as long. step, steps: where
    the run stands, and where it ends. Where standard output goes elsewhere there is no bar: a line
    from `| tee` would run into it.
    """

    def __init__(self, work, step, steps, objective, stream=None):
        self.work, self.steps = work, steps
        self.metrics = [metric for metric in objective.metrics if not metric.detail]
        self.stream = stream or sys.stderr
        self.began, self.start = time.monotonic(), work(step)
        self.twentieth = int(20 * self.start)
        self.bar = None
        if on_terminal(self.stream) and on_terminal(sys.stdout):
            with self._drawing():
                self.bar = self._bar()

    @contextmanager
    def _drawing(self):
        """Around all that tqdm does: if it fails, as by a setting TQDM_..., go on without a bar."""
        try:
            yield
        except Exception as error:
            self.bar = None
            print(f"no progress bar: tqdm failed ({type(error).__name__}: {error})", flush=True)

    def _bar(self):
        from tqdm import tqdm

        return tqdm(
            total=self.steps,
            initial=self.start * self.steps,  # in steps of average cost
            file=self.stream,
            bar_format="{desc} {percentage:3.0f}% |{bar}| {elapsed}<{remaining}{postfix}",
            dynamic_ncols=True,
            leave=False,
        )

    def update(self, epoch, step, values, images_per_second):
        """Show the state after `step` steps: epoch "3/14", the metrics of the epoch so far."""
        done, elapsed = self.work(step), time.monotonic() - self.began
        metrics = ", ".join(self._short(metric, values[metric.name]) for metric in self.metrics)
        text = f"{metrics}, {images_per_second:.0f} images/s"
        if self.bar is not None:
            with self._drawing():
                self.bar.set_description_str(f"epoch {epoch}", refresh=False)
                self.bar.set_postfix_str(text, refresh=False)
                self.bar.update(done * self.steps - self.bar.n)
        elif int(20 * done) > self.twentieth:  # a line every twentieth of the run
            self.twentieth = int(20 * done)
            left = elapsed / max(done - self.start, 1e-9) * (1 - done)
            self.line(f"{done:4.0%} epoch {epoch}: {text}, {clock(left)} left")

    def _short(self, metric, value):
        """A metric with one decimal fewer than at an epoch's end."""
        number = f"{value:.1%}" if metric.unit == "%" else metric.number(value)
        return f"{metric.label or metric.name} {number}"

    def line(self, text):
        """Print one line to stdout without breaking the bar."""
        if self.bar is not None:
            with self._drawing():
                self.bar.clear()
        print(text, flush=True)
        if self.bar is not None:
            with self._drawing():
                self.bar.refresh()

    def close(self):
        """Take the bar away."""
        if self.bar is not None:
            with self._drawing():
                self.bar.close()


def epoch_line(row, epochs, objective):
    """The line that an epoch prints, from its row of metrics.jsonl."""
    words = [f"epoch {row['epoch']:{len(str(epochs))}}/{epochs}"]
    for part in ("train", "val"):
        metrics = [metric for metric in objective.metrics if not metric.detail]
        values = [row[f"{part}_{metric.name}"] for metric in metrics]
        if None not in values:
            pairs = zip(metrics, values, strict=True)
            words.append(f"{part} {' '.join(metric.text(value) for metric, value in pairs)}")
    return "  ".join([*words, f"{clock(row['elapsed_s']):>7}"])


def on_terminal(stream):
    """Whether someone looks at what is written there. A stream that was closed is None."""
    return stream is not None and stream.isatty()


def clock(seconds):
    """75 -> "1:15", 3700 -> "1:01:40"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
