"""A sum whose order is fixed: a binary tree over its numbered terms.

Floating-point addition is not associative: (a + b) + c and a + (b + c) can round to different bits.
So the terms 0, 1, 2, ... are added as the leaves of one tree, which depends on their number only:

    0   1   2   3   4   5
     \\ /     \\ /     \\ /
     0-1     2-3     4-5
        \\   /         |
         0-3          |
            \\        /
              0-5

A node is a pair (first, stop): the sum of the terms first..stop-1. Its left child has the largest
power of two of terms that leaves some for the right one. So the nodes of a few neighbouring terms
are those of any longer sum too. Whoever has some neighbours adds them where they are, and the same
bits come out for any number of workers and machines. Of two terms it does not matter which comes
first: a + b and b + a have the same bits.

A sum of n terms in a row rounds n - 1 times; here no term is rounded more than log2(n) + 1 times.
"""

from itertools import chain


def split(first, stop):
    """Where the terms of a node are divided between its two children."""
    return first + (1 << (stop - first - 1).bit_length() - 1)


def tree_sum(first, stop, term, add):
    """The node (first, stop). term(i): the i-th term; add(a, b): their sum."""
    if stop - first == 1:
        return term(first)
    middle = split(first, stop)
    left = tree_sum(first, middle, term, add)
    return add(left, tree_sum(middle, stop, term, add))


def nodes_within(begin, end, count):
    """The largest nodes of the tree over `count` terms whose terms are all in begin..end-1."""

    def within(first, stop):
        if begin <= first and stop <= end:
            yield first, stop
        elif first < end and begin < stop:
            middle = split(first, stop)
            yield from within(first, middle)
            yield from within(middle, stop)

    return list(within(0, count))


def top(node, known, value, add):
    """The sum of a node from smaller ones that are known, each term being in one of them.

    value(node): the sum of a known one.
    """

    def total(first, stop):
        if (first, stop) in known:
            return value((first, stop))
        middle = split(first, stop)
        left = total(first, middle)
        return add(left, total(middle, stop))

    return total(*node)


def in_order(numbered_results):
    """[(number, result), ...] from every worker -> one list of results, by rising number."""
    pairs = sorted(chain.from_iterable(numbered_results), key=lambda pair: pair[0])
    return [result for _, result in pairs]
