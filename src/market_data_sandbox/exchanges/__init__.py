"""The venues' WebSocket and REST dialects, as applications that a web server runs."""
