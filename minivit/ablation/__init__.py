"""Comparisons: several models on equal terms, in a given time, as one command.

tables.py     start here: what is compared, a few lines of data each
table.py      what a table is made of: rows, and what is measured
schedule.py   how many passes each run gets, from the time that all of them may take
turns.py      trains all rows in turns; what is done is not done again
results.py    mean and spread over seeds, costs and minutes of each row; as text and as JSON values
drawing.py    the results as a figure

A run of a comparison is an ordinary run in a directory of its own, as `train.py` makes it.
"""
