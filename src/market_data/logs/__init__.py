"""The log: lines on stderr, pretty on a terminal and JSON elsewhere, of this program and its libraries alike.

A message is constant; what varies is bound: `logger.bind(exchange="binance").warning("connection lost")`. Warnings and
errors that repeat are summed, fields not compared; a bound `repeat_key` is compared instead of the message. A bound
`subject_field` names the field that says what it is about, such as the instrument; neither is written.
"""

from market_data.logs.lines import Line, render_json, render_pretty
from market_data.logs.output import LogOutput, configure_logging
from market_data.logs.repeats import Repeats

__all__ = ["Line", "LogOutput", "Repeats", "configure_logging", "render_json", "render_pretty"]
