"""What a person looks at."""

from market_data.adapters.console.board import MessageBoard
from market_data.adapters.console.terminal.display import TerminalDisplay
from market_data.config import Settings

__all__ = ["make_screen"]


def make_screen(settings: Settings, title: str, board: MessageBoard) -> TerminalDisplay:
    """Make the screen on a terminal."""
    return TerminalDisplay(title, board, reduced_motion=settings.view.reduced_motion)
