"""The outside world on loopback: two exchanges over a market or recorded frames, and a Kafka-protocol broker.

`python -m sandbox` runs it as a process; `serve` runs it inside another program, a test above all. It shares nothing
with the application that is developed against it: they meet on sockets only.
"""

from market_data_sandbox.faults import Fault, FaultKind, Faults
from market_data_sandbox.options import Options, Venue
from market_data_sandbox.server import Endpoint, Running, serve
from market_data_sandbox.truth import Truth, TruthRecord

__all__ = ["Endpoint", "Fault", "FaultKind", "Faults", "Options", "Running", "Truth", "TruthRecord", "Venue", "serve"]
