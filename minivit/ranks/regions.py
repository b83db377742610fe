"""Regions: which part of the parameters each rank updates.

Every rank receives the gradient of its region only, updates the weights there, and sends them to
the others (Rajbhandari et al. 2020, arXiv:1910.02054, stage 1). So the optimizer's work and state
are divided too; a number of the gradient and one of the weights are sent at most once to each.
"""

from itertools import accumulate, pairwise

# A whole matrix, orthogonalized, costs about as much as this many times its smaller side of numbers
# that are updated one by one (measured on an AMD EPYC: 58 ns a number where that is 96).
MATRIX_COST = 0.4


def cost(task):
    """What updating costs, relative to a number that is updated by itself."""
    numbers = task.slice.stop - task.slice.start
    return numbers * (1 + MATRIX_COST * min(task.shape)) if task.rule.whole_matrices else numbers


def divide(tasks, ranks):
    """Divide a list of tasks among `ranks` ranks at about equal cost -> [(first, stop), ...]."""
    ends = list(accumulate(map(cost, tasks), initial=0))
    edges = [0]
    for rank in range(1, ranks):
        wanted = ends[-1] * rank / ranks
        nearest = min(range(len(ends)), key=lambda i: abs(ends[i] - wanted))
        edges.append(max(edges[-1], nearest))
    edges.append(len(tasks))
    return list(pairwise(edges))


def region(tasks):
    """The slice of the parameters that neighbouring tasks update."""
    return slice(tasks[0].slice.start, tasks[-1].slice.stop) if tasks else slice(0, 0)
