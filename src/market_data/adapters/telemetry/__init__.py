"""What an operator sees: log lines now; metrics fit behind the same port."""
