"""Views for a terminal and for pipes."""
