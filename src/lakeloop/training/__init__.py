"""From a training set to judged candidates: split, fitted preprocessing, search, metrics, gate. No I/O."""
