"""A broker that crashes, stays away and hangs under load; then the topic has to prove that nothing came of it.

``python -m tests.crash`` takes about five minutes, ``--short`` about one. It runs a sandbox, ``produce`` and a real
broker as processes, and watches the topic with a client that shares nothing with the program (librdkafka).
"""
