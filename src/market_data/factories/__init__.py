"""Typed functions that make each part of the program from its settings; the container and the reader call them."""
