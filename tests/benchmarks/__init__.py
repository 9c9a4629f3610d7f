"""Measurements, run by ``nox -s bench``: each prints its method, and none is a test."""
