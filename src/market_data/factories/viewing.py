"""What a person looks at."""

from market_data.adapters.console.board import MessageBoard
from market_data.adapters.console.terminal.display import TerminalDisplay
from market_data.config import Settings
from market_data.domain.across import Across
from market_data.domain.watch import Watch

__all__ = ["make_screen"]


def make_screen(settings: Settings, title: str, board: MessageBoard) -> TerminalDisplay:
    """Make the screen on a terminal."""
    stale_after = settings.market.stale_after_heartbeats * settings.book.heartbeat_seconds
    return TerminalDisplay(
        title, board, Watch(stale_after), Across(stale_after), reduced_motion=settings.view.reduced_motion
    )
