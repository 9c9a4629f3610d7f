"""What the program does, in terms of ports: it speaks anyio and no other technology."""
