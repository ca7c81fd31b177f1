"""Dead letters: messages that could not be processed, to be looked at and sent again."""
