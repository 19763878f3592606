"""What becomes of pools when interpreters end, processes fork, limits bite and calls fail: `python -m evaluation.torture`."""
