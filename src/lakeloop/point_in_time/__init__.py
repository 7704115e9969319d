"""The join that gives every spine row what was known at its instant."""
