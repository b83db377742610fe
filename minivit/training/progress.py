"""What a run says while it works: a tqdm bar on a terminal, plain lines in a pipe."""

import sys
import time


class Progress:
    """Shows the steps of a run; `line` prints above the bar, or plainly where there is none.

    Where standard output goes elsewhere there is no bar: a line from `| tee` would run into it.
    """

    def __init__(self, steps, done, batch_size, stream=None):
        self.stream = stream or sys.stderr
        self.steps, self.batch_size = steps, batch_size
        self.tenth = done * 20 // max(steps, 1)
        self.began, self.start = time.monotonic(), done
        self.bar = None
        if on_terminal(self.stream) and on_terminal(sys.stdout):
            from tqdm import tqdm

            form = "{desc} {percentage:3.0f}% |{bar}| {elapsed}<{remaining}{postfix}"
            self.bar = tqdm(
                total=steps,
                initial=done,
                file=self.stream,
                bar_format=form,
                dynamic_ncols=True,
                leave=False,
            )

    def update(self, epoch, epochs, step, loss, accuracy):
        """Show the state after `step` steps: mean loss and accuracy of the epoch so far."""
        elapsed = time.monotonic() - self.began
        speed = (step - self.start) * self.batch_size / max(elapsed, 1e-9)
        text = f"loss {loss:.3f}, acc {accuracy:.1%}, {speed:.0f} images/s"
        if self.bar is not None:
            self.bar.set_description_str(f"epoch {epoch}/{epochs}", refresh=False)
            self.bar.set_postfix_str(text, refresh=False)
            self.bar.update(step - self.bar.n)
        elif step * 20 // self.steps > self.tenth:  # a line every twentieth of the run
            self.tenth = step * 20 // self.steps
            left = elapsed / max(step - self.start, 1) * (self.steps - step)
            self.line(
                f"{step / self.steps:4.0%} epoch {epoch}/{epochs}: {text}, {clock(left)} left"
            )

    def line(self, text):
        """Print one line to stdout without breaking the bar."""
        if self.bar is not None:
            self.bar.clear()
        print(text, flush=True)
        if self.bar is not None:
            self.bar.refresh()

    def close(self):
        """Take the bar away."""
        if self.bar is not None:
            self.bar.close()


def on_terminal(stream):
    """Whether someone looks at what is written there. A stream that was closed is None."""
    return stream is not None and stream.isatty()


def clock(seconds):
    """75 -> "1:15", 3700 -> "1:01:40"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
