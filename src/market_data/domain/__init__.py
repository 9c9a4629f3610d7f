"""What is true of order books whatever carries them: plain Python and attrs, no I/O, no clock, no wire format."""
