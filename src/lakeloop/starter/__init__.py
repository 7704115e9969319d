"""A first project to start from: what `lakeloop init` writes."""
