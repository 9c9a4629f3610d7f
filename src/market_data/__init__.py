"""Order books of several venues, checked, normalised and delivered in order through Kafka.

The rooms, inwards: ``adapters -> application -> domain``. ``factories`` make the parts, ``container`` wires them,
``config`` holds the settings, ``cli`` is the front door. README.md draws the whole.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
