"""Weights of other programs: the ViT authors', timm's and Hugging Face's.

layouts.py         where each parameter is in their files, and in which shape; both directions
positions.py       position embeddings for another number of patches

authors_file.py    read an npz file
safetensors.py     read and write safetensors files
beside.py          read config.json and what else lies beside weights
numbers.py         number formats, all read as float32

formats.py         export: what each format can hold, and which one a file's name means
configs.py         export: the config.json of timm and of Hugging Face
export.py          export: write a trained model in one of the formats
"""
