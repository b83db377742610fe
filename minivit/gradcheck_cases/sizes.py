"""The sizes of what is checked: small and all different.

With two equal sizes, a matrix that should be transposed still fits. There are several tokens,
because with one token every attention weight is 1.
"""

# B images, T tokens of width D, HEADS heads of K = 2 numbers, the MLP's hidden width M, C classes
B, T, D, HEADS, M, C = 4, 5, 6, 3, 7, 10
DROPOUT, DROP_PATH, PATCH_DROPOUT = 0.3, 0.5, 0.5
GRID = {"rows": 2, "columns": 2, "prefix_tokens": 1}
