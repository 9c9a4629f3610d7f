"""Fuzzing: every function that reads bytes, headers or text from outside is given what nobody should send.

    mutate      one input of a seed: its JSON rearranged, its bytes damaged, or both
    readers     the registry: each reader, what it is fed, and the errors that its documentation names
    venues      the dialects, and the core behind them
    network     HTTP answers and WebSocket streams, over sockets in memory
    topic       records, and all that shows or proves them; the topic's configuration
    local       settings, options, files
    campaign    many inputs, and what came of them

``python -m tests.fuzz --inputs N --seed S [--only NAME]``. An input is named by reader, seed and number, so that any
one of them can be made again.
"""
