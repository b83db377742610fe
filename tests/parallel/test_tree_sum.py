"""The order of a sum: the same tree, and so the same bits, however its terms are shared out."""

import math

import numpy as np
import pytest

from minivit.parallel.cuts import cut_into
from minivit.parallel.tree_sum import nodes_within, split, top, tree_sum


def written(a, b):
    """A sum as text: what is added to what."""
    return f"({a}+{b})"


@pytest.mark.parametrize(
    ("count", "order"),
    [
        (1, "0"),
        (2, "(0+1)"),
        (3, "((0+1)+2)"),
        (6, "(((0+1)+(2+3))+(4+5))"),
        (8, "(((0+1)+(2+3))+((4+5)+(6+7)))"),
        (9, "((((0+1)+(2+3))+((4+5)+(6+7)))+8)"),
    ],
)
def test_the_tree(count, order):
    assert tree_sum(0, count, str, written) == order


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 12, 13, 16, 31, 100])
def test_the_order_is_the_same_for_any_number_of_tasks(count):
    whole = tree_sum(0, count, str, written)
    for tasks in range(1, count + 1):
        nodes = [n for part in cut_into(count, tasks) for n in nodes_within(*part, count)]
        assert [i for first, stop in nodes for i in range(first, stop)] == list(range(count))
        value = {node: tree_sum(*node, str, written) for node in nodes}
        assert top((0, count), value, value.get, written) == whole


@pytest.mark.parametrize("count", [2, 5, 8, 33])
def test_left_children_have_a_power_of_two_of_terms(count):
    middle = split(7, 7 + count)
    left, right = middle - 7, 7 + count - middle
    assert left.bit_count() == 1 and 1 <= right <= left


def test_nodes_are_the_largest_ones():
    assert nodes_within(0, 12, 12) == [(0, 12)]
    assert nodes_within(8, 12, 12) == [(8, 12)]
    assert nodes_within(3, 11, 12) == [(3, 4), (4, 8), (8, 10), (10, 11)]
    assert nodes_within(5, 5, 12) == []


def test_it_rounds_less_than_a_sum_in_a_row():
    terms = np.random.default_rng(0).random(4096).astype(np.float32)
    exact = math.fsum(map(float, terms))
    row = np.float32(0)
    for term in terms:
        row += term
    tree = tree_sum(0, len(terms), terms.__getitem__, np.add)
    assert abs(tree - exact) < abs(row - exact) / 10
