"""A run's directory: which objects of metrics.jsonl are rows and result, and what fails how."""

import pytest

from minivit.errors import ConfigError, RunError
from minivit.storage.directory import RunDirectory

ROW = {"epoch": 1, "step": 4, "train_loss": 2.0}


@pytest.fixture
def run(tmp_path):
    """The directory of a run that has written nothing."""
    return RunDirectory(tmp_path)


def test_rows_and_result_of_any_objective(run):
    assert run.rows() == [] and run.result() is None
    second = {"epoch": 2, "step": 8, "val_error": 0.5, "test_share": 1}  # a row all the same
    for entry in (ROW, second, {"note": "hello"}):
        run.append(entry)
    assert run.rows() == [ROW, second] and run.result() is None
    for result in ({"test_loss": 1.0, "test_accuracy": 0.5}, {"test_loss": 1.0, "test_error": 2.5}):
        run.append(result)
        assert run.result() == result  # the last one counts
    run.write_rows([ROW])
    assert run.rows() == [ROW] and run.result() is None


@pytest.mark.parametrize(
    "line",
    [
        '{"epoch": 2, "st',
        "[1]",
        "7",
        '"epoch"',
        "\0",
        '{"epoch": 2}',
        '{"epoch": "x", "step": 1}',
        '{"epoch": true, "step": 1}',
        '{"epoch": 2, "step": null}',
        '{"epoch": 2, "step": 1, "train_loss": 1' + 400 * "0" + "}",  # which no float can hold
        '{"test_loss": 1' + 400 * "0" + "}",
        "[" * 100_000,
    ],
)
def test_lines_that_are_no_rows_are_left_out(run, line):
    run.append(ROW)
    with open(run.metrics, "a", encoding="utf-8") as file:
        file.write(line + "\n")
    assert run.rows() == [ROW] and run.result() is None


def test_a_directory_that_cannot_be_written_to(run):
    run.config.mkdir()
    run.metrics.mkdir()
    with pytest.raises(RunError, match=r"cannot write .*config\.json: it is a directory"):
        run.write_config({})
    with pytest.raises(RunError, match=r"cannot write .*metrics\.jsonl: .*continue with --resume"):
        run.append(ROW)


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"cannot make .*file: .*; name another place with --out"):
        RunDirectory.numbered(tmp_path / "file", "shapes-tiny")
    with pytest.raises(RunError, match=r"file is not a directory"):
        RunDirectory(tmp_path / "file").write_config({})
    with pytest.raises(ConfigError, match="is a file; name a new directory"):
        RunDirectory.new(tmp_path / "file")
