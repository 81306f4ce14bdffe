"""Functions of nn.functional that are written in Python, one file per family."""
