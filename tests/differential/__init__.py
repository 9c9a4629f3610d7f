"""The book engines against each other and against the naive book, operation by operation and text by text."""
