"""Who predicts: the workers of a library, and those of a program."""

from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from ..errors import WorkerError
from .workers import Workers, available_cores


def of_library(workers: Workers | int | None) -> AbstractContextManager:
    """Workers for a `with` of a library: threads, as it does not fork its user.

    workers: how many, by default one for each available core; or a `Workers` inside its own `with`,
    in which it stays.
    """
    if isinstance(workers, Workers):
        return nullcontext(workers)
    return Workers(workers, processes=False)


@contextmanager
def of_program(most: int):
    """Workers for a `with` of a program: processes, which are faster for small models.

    most: how many find work. Where the system starts no more processes, or has no memory that they
    could share, they are threads.
    """
    count = min(available_cores(), max(1, most))
    with ExitStack() as opened:
        try:
            workers = opened.enter_context(Workers(count))
            workers.register()  # starts them
        except (WorkerError, MemoryError):
            workers = opened.enter_context(Workers(count, processes=False))
        yield workers
