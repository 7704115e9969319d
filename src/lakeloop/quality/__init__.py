"""Typing of landed text, row rules, and the accounting of every row."""
