"""The matrix itself: every row is there, and what it names exists."""

from collections import Counter

from tests.reliability import matrix


def test_all_rows_are_there_once():
    numbers = Counter(row.number for row in matrix.rows())
    per_part = Counter(number[0] for number in numbers)
    assert per_part == {"D": 30, "K": 22, "S": 15, "N": 21, "C": 17, "X": 6}
    assert set(numbers.values()) == {1}
    assert set(matrix.tests_named_after_rows()) <= set(numbers)


def test_every_test_that_a_row_names_exists():
    for row in matrix.rows():
        for test in row.tests:
            file, name = test.split("::")
            assert name in matrix.functions(matrix.TESTS.parent / file), f"{row.number}: {test}"


def test_the_readme_states_the_counts():
    readme = " ".join((matrix.TESTS.parent / "README.md").read_text(encoding="utf-8").split())
    assert f"({matrix.sentence(matrix.rows())})" in readme


def test_no_row_is_left_without_a_proof_or_a_reason():
    table = matrix.rows()
    assert not [row.number for row in table if row.state == "missing"]
    argued = {row.number for row in table if "argued" in row.words}
    assert argued == matrix.argued_on_the_page()
