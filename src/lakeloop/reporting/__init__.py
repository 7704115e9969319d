"""Pages for people, rendered from plain data."""
