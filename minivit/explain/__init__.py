"""See inside: one picture through a whole model, forward and backward, with every number real.

picture.py    an image file as the model sees it, and the label whose loss is explained
record.py     start here: a forward and a backward that note what every layer takes and returns
lesson.py     what a layer's own docstring and source say: equations, methods, where they are

screens.py    the walk in a terminal, a screen a layer; both_ends.py: what comes before and after
numbers.py    arrays in a line of text
as_json.py    the walk as values that JSON can hold

assemble.py   the page: one file that opens offline, made of page/ (HTML, CSS, JavaScript)
pictures.py   the test pictures that travel in it

The layers know nothing of it: it reads caches and gradients that they return anyway.
"""
