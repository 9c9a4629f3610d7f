"""Books of other projects, each driven with our frames by its own means, in an environment of its own.

A worker is a program of its own that is given the file of frames; ``__main__`` lets all workers take turns with our own
engines. Nothing of a peer is part of this repository, and nothing here imports one but its worker.
"""
