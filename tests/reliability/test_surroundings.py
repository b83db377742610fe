"""What surrounds a run may fail: libraries' settings, threads, modules that a Python lacks."""

import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from program import ROOT
from small_runs import make_run

from minivit.commands import exits
from minivit.commands import progress as commands_progress
from minivit.commands.progress import require_tqdm
from minivit.data.batches import prefetch
from minivit.errors import BackendError, WorkerError
from minivit.parallel.workers import Workers
from minivit.storage import atomic
from minivit.training.progress import Progress

linux = pytest.mark.skipif(sys.platform != "linux", reason="worker processes are for Linux")
SMALL = """--dataset shapes --preset smoke --epochs 1 --batch-size 5000 --device cpu --threads 2
    --patch-size 16 --dim 8 --depth 1 --heads 2 --mlp-dim 8 --out run""".split()


def started(here, *words, source=None, **environment):
    """`python train.py WORDS`, or another source, as a process whose streams are piped."""
    program = ["-c", source] if source else [str(ROOT / "train.py")]
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "MPLCONFIGDIR": str(here), **environment}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [sys.executable, *program, *words], cwd=here, env=settings, text=True, **pipes
    )


# Drawing and progress are niceties


def draw(tmp_path, monkeypatch, **environment):
    """What `curves.draw` says in a new process with this environment."""
    pytest.importorskip("matplotlib", reason="curves need it: pip install matplotlib")
    source = (
        "from minivit.objective import Classification as C\n"
        "from minivit.training.curves import draw\n"
        "row = dict.fromkeys('epoch train_loss train_accuracy val_loss val_accuracy'.split(), 1)\n"
        "print(draw([row], 'curves.png', 'title', C(3)))"
    )
    out, err = started(tmp_path, source=source, **environment).communicate(timeout=60)
    assert "Traceback" not in err and not (tmp_path / "curves.png").exists()
    return out


def test_curves_that_a_backend_forbids_are_a_line(tmp_path, monkeypatch):
    out = draw(tmp_path, monkeypatch, MPLBACKEND="foo")
    assert out.startswith("no curves drawn: matplotlib failed, ValueError: ")
    assert out.count("\n") == 1 and len(out) < 260


def test_curves_that_need_latex_are_a_line(tmp_path, monkeypatch):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\n")
    out = draw(tmp_path, monkeypatch, MATPLOTLIBRC=str(tmp_path), PATH="")
    assert out.startswith("no curves drawn: matplotlib failed, ") and out.count("\n") == 1


def test_a_result_does_not_depend_on_its_curves(workers, tmp_path, monkeypatch, capsys):
    figure = pytest.importorskip("matplotlib.figure", reason="curves need it")

    def fail(*_, **__):
        raise KeyError("anything")

    monkeypatch.setattr(figure.Figure, "savefig", fail)
    run = make_run(tmp_path / "run", workers)
    assert run.train() and run.directory.result()
    assert "no curves drawn: matplotlib failed, KeyError: 'anything'" in capsys.readouterr().out


class Terminal:
    """A stream that is a terminal and keeps nothing."""

    def write(self, text):
        """Nothing."""

    def flush(self):
        """Nothing."""

    def isatty(self):
        """Yes."""
        return True


def test_a_broken_bar_is_a_line(monkeypatch, capsys):
    tqdm = pytest.importorskip("tqdm")

    class Broken:
        n = 0

        def __init__(self, **_):
            """As with TQDM_GUI=1: it fails when it is drawn."""

        def clear(self):
            raise AttributeError("sp")

    from small_runs import CONFIG, RECIPE

    from minivit.objective import Classification

    monkeypatch.setattr("minivit.training.progress.on_terminal", lambda stream: True)
    for broken in (Broken, 7):
        monkeypatch.setattr(tqdm, "tqdm", broken)
        shown = Progress(lambda step: step / 4, 0, 4, Classification.of(CONFIG, RECIPE), Terminal())
        shown.line("epoch 1/1")
        shown.update("1/1", 4, {"loss": 2.0, "accuracy": 0.5}, 9.0)
        shown.close()
        out = capsys.readouterr().out
        assert out.count("no progress bar: tqdm failed (") == 1
        assert "epoch 1/1\n" in out and "loss 2.000" in out


def test_a_setting_that_breaks_tqdm_is_named(monkeypatch, tmp_path):
    process = started(tmp_path, *SMALL, TQDM_MININTERVAL="foo")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "") and err.count("\n") == 1
    assert err.endswith("unset TQDM_MININTERVAL.\n") or err.endswith("unset TQDM_MININTERVAL\n")
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(BackendError, match="pip install tqdm"):
        require_tqdm()


def test_a_setting_that_breaks_tqdm_is_named_by_the_other_commands(tmp_path):
    source = """import sys
from minivit.commands import exits, progress
sys.exit(exits.run(lambda argv: progress.Progress(9, " images") and 0))"""
    process = started(tmp_path, source=source, TQDM_MININTERVAL="foo")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "") and err.endswith("unset TQDM_MININTERVAL\n")


def test_a_bar_that_fails_later_is_left_out(monkeypatch, capsys):
    """As with TQDM_BAR_FORMAT='{foo}', where tqdm fails when it draws."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)

    def broken(*_, **__):
        raise KeyError("foo")

    monkeypatch.setattr("tqdm.tqdm", broken)
    with commands_progress.Progress(3, " images") as bar:
        bar.update()
        bar.print("a line", sys.stdout)
    out, err = capsys.readouterr()
    assert out == "a line\n" and err == "no progress bar: tqdm failed (KeyError: 'foo')\n"


# Threads, processes and memory that the system refuses


@pytest.fixture
def no_threads(monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_S14_without_a_thread_batches_are_prepared_when_they_are_due(no_threads):
    assert list(prefetch(iter(range(5)))) == list(range(5))

    def broken():
        yield 1
        raise OSError("no such picture")

    with pytest.raises(OSError, match="no such picture"):
        list(prefetch(broken()))


def test_S14_without_a_thread_a_run_ends_with_the_same_bits(tmp_path, monkeypatch):
    with Workers(1) as workers:
        with_thread = make_run(tmp_path / "a", workers)
        with_thread.train()
        monkeypatch.setattr("minivit.training.run.curves.draw", lambda *drawn: "")

        def refuse(thread):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", refuse)
        without = make_run(tmp_path / "b", workers)
        without.train()
    assert (with_thread.trainer.vector == without.trainer.vector).all()


@pytest.mark.parametrize("first", [0, 1])
def test_S15_where_threads_are_refused_fewer_workers_do_it_all(monkeypatch, first):
    """`first`: how many threads there are still. What was meant for the others is forgotten."""
    pytest.importorskip("threadpoolctl", reason="several workers need it")
    start, living = threading.Thread.start, []

    def refuse(thread):
        if len([t for t in living if t.is_alive()]) >= first:
            raise RuntimeError("can't start new thread")
        living.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with Workers(3, processes=False) as workers:
        for count in (2000, 9):
            done = workers.run_tasks(count, lambda numbers: list(numbers))
            assert sorted(itertools.chain(*done)) == list(range(count))
            assert workers.count <= 1 + first + (count == 2000)  # one may end and start again


@linux
def test_S15_shared_memory_that_is_refused(monkeypatch, capsys):
    from minivit.parallel import fork

    def refuse(*_):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(fork.mmap, "mmap", refuse)

    def main(argv):
        fork.shared_zeros(1 << 28, np.float32)

    assert exits.run(main, []) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: out of memory: cannot share 1.0 GiB with worker processes (")


def test_S15_only_so_many_workers():
    for count in (0, 1025, 100_000):
        with pytest.raises(WorkerError, match=f"workers must be 1 to 1024; got {count}"):
            Workers(count)


WITHOUT = """
import sys
if sys.argv[1] == "zlib":
    import numpy.random  # which may need it itself
sys.modules[sys.argv[1]] = None
import minivit
from minivit.parallel.workers import Workers
from minivit.storage import atomic
from minivit.parallel.allocator import keep_freed_memory
import minivit.commands.train
keep_freed_memory()
with Workers(2) as workers:
    print(sorted(sum(workers.run_tasks(9, list), [])) == list(range(9)), workers.processes)
"""


@linux
@pytest.mark.parametrize("module", ["_ctypes", "fcntl", "mmap", "_multiprocessing", "zlib"])
def test_modules_that_a_python_may_lack(tmp_path, module):
    """Then the workers are threads, or one; zlib is for archives only."""
    process = started(tmp_path, module, source=WITHOUT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "") and out.startswith("True ")
    assert out.endswith("None\n") or module == "zlib"


# Ctrl-C before there is a run


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_S09_ctrl_c_while_modules_load_ends_without_a_traceback(tmp_path):
    (tmp_path / "numpy.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"
    )
    process = started(tmp_path, *SMALL, PYTHONPATH=str(tmp_path))
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (-signal.SIGINT, "", "")


# Signals outside of a run's steps


def stopped(capsys, body, name="SIGTERM"):
    """A command in which a signal arrives -> status, stderr."""

    def main(argv):
        body(lambda: signal.raise_signal(getattr(signal, name)))
        return 0

    before = signal.getsignal(getattr(signal, name))
    status = exits.run(main, [])
    assert signal.getsignal(getattr(signal, name)) == before
    return status, capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
@pytest.mark.parametrize(
    ("name", "status", "words"),
    [("SIGINT", 130, "interrupted\n"), ("SIGTERM", 143, "terminated\n"),
     ("SIGHUP", 129, "the terminal was closed\n")],
)  # fmt: skip
def test_S11_a_signal_outside_of_the_steps_is_a_sentence(capsys, tmp_path, name, status, words):
    """Nothing is left half-written, by any command."""
    (tmp_path / "a.csv").write_text("old")

    def body(arrive):
        with atomic.replacing(tmp_path / "a.csv") as temporary:
            temporary.write_text("new")
            arrive()

    assert stopped(capsys, body, name) == (status, words)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.csv": "old"}


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_S11_an_interruption_that_becomes_another_error_is_one_still(capsys):
    def body(arrive):
        try:
            arrive()
        except KeyboardInterrupt:  # as Python 3.11 does around __set_name__
            raise RuntimeError("Error calling __set_name__") from None

    assert stopped(capsys, body) == (143, "terminated\n")


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_S11_an_interruption_where_nothing_can_be_raised_comes_after_it(capsys):
    """Python only prints what a `__del__` or a weak reference's callback raises."""

    class Last:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    reached = []

    def body(arrive):
        last = [Last()]
        last.clear()
        for _ in range(1000):
            time.sleep(0.01)
            reached.append(1)

    assert stopped(capsys, body) == (143, "terminated\n") and len(reached) < 1000


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_S11_it_comes_too_where_no_handler_is_left(tmp_path):
    """As while MPI starts, which waits for all ranks."""
    source = """
        import signal, sys, time
        from minivit.commands.exits import run

        class Last:
            def __del__(self):
                signal.raise_signal(signal.SIGTERM)

        def main(argv):
            last = [Last()]
            last.clear()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            time.sleep(20)

        run(main, [])
    """
    process = started(tmp_path, source=textwrap.dedent(source))
    assert process.communicate()[0] == "" and process.returncode == -signal.SIGTERM


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_S12_a_signal_that_was_ignored_stays_so(capsys, monkeypatch):
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        assert stopped(capsys, lambda arrive: arrive(), "SIGHUP") == (0, "")
    finally:
        signal.signal(signal.SIGHUP, old)
