"""Model versions by hand: what the promotions ledger says of them, and the events that a person adds to it."""
