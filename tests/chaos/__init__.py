"""Chaos: generated schedules of trouble against the pure core, judged by a truth that is kept beside it.

``python -m tests.chaos --schedules N --seed S`` plays N schedules. Each is made of (seed, number): three instruments of
one of the six venues, by turns, at least 100 inputs and at least 2 faults. The adversary is the
market, the venue's servers, the network between and the ``Feed`` that carries the core's effects out. He speaks the
venues' real protocols as bytes, through the real dialects, and shares no code with the program.

    truth       the market: the true book at every sequence
    wire        frames and answers as the venues write them, with what the judge must know of each
    exchanges   the venues' servers, one connection at a time; streams: those whose streams are renewed one by one
    world       the network, the clock, the feed: steps go in, inputs of the core come out
    faults      what can go wrong, and in which states of a book it can
    judge       what must be true of every record and after every input
    schedule    which steps: made of (seed, number), or read from a file
    calm        faults cease: every book must become live again, and true
    shrink      the fewest steps that still fail
    campaign    many schedules on several cores
    report      what came of it
    found/      schedules that failed once, cut down: each shows a bug of its own, and is replayed by the default tests
    planted     bugs put into a copy of the program: each must be caught
    bugs        what they are; mutants: small ones that no test noticed once
"""
