"""The roles that adapters play: what the application asks of the world, and what it is promised.

A port is a Protocol with abstract methods, subclassed by its adapters, so that a forgotten method fails when the
adapter is made; a fake needs no base class. What must be opened has one method ``open`` returning an async context
manager, and what that yields is always usable.
"""

from market_data.application.ports.clock import Clock
from market_data.application.ports.measuring import Histogram
from market_data.application.ports.monitoring import Health, Listener, Report
from market_data.application.ports.network import Connection, Network, Received, Response, Transport
from market_data.application.ports.publishing import Publication, Publisher
from market_data.application.ports.schemas import Registration, SchemaRegistry
from market_data.application.ports.subscribing import Delivered, Start, Subscriber, Subscription, Trouble
from market_data.application.ports.supervising import Supervisor
from market_data.application.ports.telemetry import Telemetry
from market_data.application.ports.venues import LISTED_AT_ONCE, Request, Venue, VenueSession
from market_data.application.ports.viewing import Display, Pictures, Reading
from market_data.domain.moment import Moment

__all__ = [
    "LISTED_AT_ONCE",
    "Clock",
    "Connection",
    "Delivered",
    "Display",
    "Health",
    "Histogram",
    "Listener",
    "Moment",
    "Network",
    "Pictures",
    "Publication",
    "Publisher",
    "Reading",
    "Received",
    "Registration",
    "Report",
    "Request",
    "Response",
    "SchemaRegistry",
    "Start",
    "Subscriber",
    "Subscription",
    "Supervisor",
    "Telemetry",
    "Transport",
    "Trouble",
    "Venue",
    "VenueSession",
]
