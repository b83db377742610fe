"""Check code that is not minivit's own: the answer to an exercise, a layer of the user's.

code.py      load a file or a module; an error in it becomes the user's own line
guarded.py   a layer whose every call is watched, and whose returned values are checked
"""
