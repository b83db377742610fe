"""Weights of other programs: the ViT authors', timm's and Hugging Face's.

layouts.py           where each parameter is in their files, and in which shape; both directions
positions.py         position embeddings for another number of patches

importing.py         import: published weights -> a `Trained` and a report; the way through the rest
files.py             which files a path means; authors_file.py, safetensors_file.py: readers of them
half.py, beside.py   number formats; the JSON files beside weights
names.py             whose weights they are, by their names; old and new names
defaults.py          how each program computes; said.py: values, and where they are from
timm_json.py, hugging_face_json.py
                     what the programs' JSON files say
sizes.py             a Config from the shapes of arrays
filling.py           from arrays to parameters
report.py            what an import has done

formats.py           export: what each format can hold, and which one a file's name means
configs.py           export: the config.json of timm and of Hugging Face
export.py            export: write a trained model in one of the formats
"""


def load(path, image_size=None, classes=None, heads=None, mean=None, std=None):
    """Published weights -> `Trained`; `importing.read` explains the arguments and the errors.

    `importing.read` gives a report as well, which says where each value is from.
    """
    from .importing import read  # here: it brings data and training along

    return read(path, image_size, classes, heads, mean, std).trained
