"""The soak: the whole river as processes under mixed faults, for as long as is wished.

``python -m tests.soak --minutes 30 --seed 1`` runs the sandbox with its exchanges, faults and embedded broker, and the
real producer with its real publisher. It reads the topic with the program's own subscriber, and holds every record
against the truth that the sandbox writes into a pipe. Every few seconds it takes samples of what could grow. At the
end it prints figures; the status is 1 after a wrong record or a clear growth.

    producing   the producer as ``python -m app produce`` runs it, with somebody who looks inside
    truth       the truth as it comes out of the pipe, the newest of it
    samples     what was measured over time, and whether it grows
    soaking     puts it together
"""
