"""Measurements beside PyTorch, in turns in one process."""
