"""Measurements, run by ``nox -s bench`` and ``nox -s bench_peers``: each prints its method, and none is a test.

One module a question; what they share stands in ``results`` (rounds, ratios, JSON), ``engines``, ``pipeline`` (the hot
path and a recording of it) and ``synthetic`` (a made market). ``plot`` makes README's picture and table of the JSON.
"""
