"""Hundreds of instruments of each exchange at once, on as few connections as it allows: ``python -m tests.many``.

The sandbox runs as a process of its own, with the limits of the exchanges; the program runs here with its default
bounds and budgets, its records are taken in memory. Nothing goes wrong in this world, so every gap is a false one.

    following   runs it, and takes down every connection, message, request and record
    figures     what is made of them, and what is not as promised
"""
