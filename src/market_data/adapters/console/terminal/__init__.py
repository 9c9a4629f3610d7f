"""The screen that a trader keeps open, on Textual: ``display`` opens it; nothing else imports Textual before that."""
