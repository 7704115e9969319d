"""The reference project: real flights, landed month by month."""
