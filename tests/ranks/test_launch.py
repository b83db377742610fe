"""Which rank a process is, before MPI starts; and what the ranks compare at their meeting."""

import pytest

from minivit.errors import BackendError, ConfigError
from minivit.ranks import launch
from minivit.ranks.launch import Launch, checked, cores, launched
from minivit.ranks.meeting import Entry, notes, problem

OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "8"}
SLURM = {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "6", "SLURM_STEP_TASKS_PER_NODE": "2(x3)"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Launch()),
        ({**OPEN_MPI, "OMPI_COMM_WORLD_LOCAL_SIZE": "4"}, Launch("Open MPI", 3, 8, 4)),
        ({"PMI_RANK": "0", "PMI_SIZE": "2"}, Launch("MPICH", 0, 2, 1)),
        (SLURM, Launch("Slurm", 1, 6, 2)),
        ({**SLURM, **OPEN_MPI}, Launch("Open MPI", 3, 8, 1)),  # mpiexec inside of a Slurm job
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "6"}, Launch()),  # the batch script itself
        ({"PMI_RANK": "x", "PMI_SIZE": "2"}, Launch()),
        ({"PMI_RANK": "2", "PMI_SIZE": "2"}, Launch()),
    ],
)
def test_the_environment_says_which_rank_this_is(environment, expected):
    assert launched(environment) == expected


def test_what_ranks_asks_for(monkeypatch):
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: name)
    two = Launch("Open MPI", 1, 2)
    assert checked(two) == checked(two, "mpi") == checked(two, 2) == two
    assert checked(Launch(), 1) == checked(Launch()) == Launch()
    with pytest.raises(ConfigError, match=r"--ranks 4: Open MPI started 2; .* mpiexec -n 4"):
        checked(two, 4)
    with pytest.raises(ConfigError, match="--ranks 2: it was started alone"):
        checked(Launch(), 2)
    with pytest.raises(ConfigError, match="--ranks mpi: this program was not started by MPI"):
        checked(Launch(), "mpi")
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BackendError, match="pip install mpi4py"):
        checked(two)
    assert checked(Launch("MPICH", 0, 1)).size == 1  # mpiexec -n 1 needs no mpi4py


def test_workers_of_a_rank():
    assert cores(Launch("Open MPI", 0, 2, 2), 8, 8) == 4  # not bound to cores: a half of them
    assert cores(Launch("Open MPI", 0, 2, 2), 1, 8) == 1  # bound to one
    assert cores(Launch("Slurm", 0, 8, 1), 16, 64) == 16
    assert cores(Launch("MPICH", 0, 8, 8), 2, 2) == 1


PHOTOS = {"sha256": "a", "name": "photos", "classes": 2}
FACTS = {
    "dataset": PHOTOS,
    "recipe": {"lr": 0.1, "seed": 0},
    "arithmetic": {"numpy": "2"},
}


def entry(error="", program="1", **facts):
    return Entry("host", program, None if error else {**FACTS, **facts}, error)


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (entry(), ""),
        (entry(error="no such file"), "rank 1 (on host): no such file"),
        (entry(program="2"), "rank 1 (on host) has 2, and rank 0 (on host) 1; install the same"),
        (entry(dataset={**PHOTOS, "sha256": "b"}), "rank 1 (on host) has other images or"),
        (
            entry(recipe={"lr": 0.2, "seed": 0}),
            "rank 1 (on host) has another recipe than rank 0: lr is 0.2, not 0.1; start all",
        ),
        (entry(arithmetic={"numpy": "3"}), ""),
        (entry(dataset={**PHOTOS, "name": "photos2"}), ""),  # a directory elsewhere
        (
            entry(dataset={"sha256": "b", "name": "shapes"}, recipe={"lr": 1}),
            "rank 1 (on host) has another data set than rank 0: shapes, not photos; give all",
        ),
        (
            entry(dataset={**PHOTOS, "name": "photos2", "classes": 3}),
            "rank 1 (on host) has another dataset than rank 0: classes is 3, not 2; give all",
        ),
    ],
)
def test_the_meeting(second, words):
    said = problem([entry(), second])
    assert said.startswith(words) and bool(said) == bool(words)


def test_another_arithmetic_is_noted():
    (said,) = notes([entry(), entry(arithmetic={"numpy": "3"})])
    assert "rank 1 (on host) computes otherwise than rank 0 (numpy is 3, not 2)" in said
    assert notes([entry(), entry()]) == []


def test_an_error_of_all_is_said_as_it_is():
    assert problem([entry(error="a"), entry(error="a")]) == "a"


def test_rank_0s_own_error_comes_first():
    assert problem([entry(error="a"), entry(error="b")]) == "rank 0 (on host): a"
