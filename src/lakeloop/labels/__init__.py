"""The spine and its labels: pending, matured or void."""
