"""What the blocks of a trained model know: simple classifiers on its features, which stay frozen.

probing.py      start here: features of every block, three probes on each -> rows
ridge.py        linear, by least squares: solved in closed form
logistic.py     linear, by cross-entropy: found by SciPy's L-BFGS
neighbours.py   the classes of the most similar training images; nothing is learned

A probe is `Probe(settings).fit(x, labels, classes)`, then `.scores(x)`: x (n, D) standardised
features, labels (n,), scores (n, classes), of which the largest is the prediction. Where a probe
has a strength of regularisation, the best of a few on held-out images is taken.

Sources: Alain & Bengio 2016, arXiv:1610.01644 (linear probes of every layer); Caron et al. 2021,
arXiv:2104.14294 (k nearest neighbours).
"""
