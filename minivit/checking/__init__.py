"""Check code that is not minivit's own: the answer to an exercise, a layer of the user's.

code.py          load a file or a module; an error in it becomes the user's own line
guarded.py       a layer whose every call is watched, and whose returned values are checked
own_layer.py     a layer by the name that the user gave, with its arguments
point.py         a layer at one point, with one random dy: what all checks below start from
directions.py    a model at one point, moved along random directions
kinks.py         the gradient check that leaves out elements too near a kink
properties.py    what else a layer promises: the same bits, nothing written on, one dtype
complex_step.py  derivatives without cancellation, where forward takes complex numbers
sweep.py         the error against the step h, as a table; sweep_figure.py: as a figure
"""
