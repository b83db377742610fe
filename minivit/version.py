"""The version of minivit, where every part of it can read it."""

VERSION = "0.1.0"
