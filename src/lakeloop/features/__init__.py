"""Gold feature tables: windowed aggregates and attributes over time."""
