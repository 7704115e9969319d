"""Policies run over history: models trained once per cut, judged and decided about by the loop's own functions."""
