"""Exercises that grade themselves: write a backward, have it checked, and be told the mistake.

catalogue.py   start here: the exercises, from easy to hard, and what is cut out for each
cut.py         the real source without that part: the exercise file, its hint, its solution;
               source.py: the text of a source file, and changes of its lines
subjects.py    what an answer is tried with: a layer, the loss, the model; rule.py: AdamW
grade.py       an answer against finite differences; explain.py: against known mistakes
mistakes/      known mistakes: the source with one change each, and what it means in words
report.py      a grade, and all else that the command prints

An exercise is cut from the real source when it is asked for, so it always fits it.
"""
