"""Mutation testing: small changes of the domain and the application that some test must notice.

    operators    what is changed, and where it can be
    killers      what is run against each change: the module's own tests, chaos, the tests of the rooms
    equivalent   changes that change nothing, with the reason

``python -m tests.mutation --sample N --seed S [--only domain/book.py]``. The tool is our own because half of what holds
these modules is not pytest's: a few hundred schedules of chaos find what no example does.
"""
