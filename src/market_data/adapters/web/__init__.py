"""A page that a trader keeps open and an API beside it: one reader of the topic, any number of browsers."""
