"""Fixtures for tests of worker processes: `time_limit`, as they could wait for ever; `workers`."""

import signal

import pytest

from minivit.parallel.workers import Workers


class TookTooLong(BaseException):
    """A test runs longer than it may."""


@pytest.fixture
def time_limit():
    """End a test that takes more than 20 seconds with TookTooLong."""

    def ring(*_):
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 20, 1)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def workers():
    """Three workers: this process and two others."""
    with Workers(3, processes=True) as entered:
        yield entered
