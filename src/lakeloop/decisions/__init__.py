"""Turns evidence into flags and flags into an action, with reasons anyone can recompute from the recorded row."""
