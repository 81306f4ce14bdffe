"""`python -m tensorlite run script.py [args]`: runs a program written for PyTorch."""

from __future__ import annotations

import os
import runpy
import sys

import tensorlite

USAGE = """\
python -m tensorlite run script.py [args]   run a program written for PyTorch: torch is tensorlite
python -m tensorlite run -m module [args]   the same for a module
python -m tensorlite --version
"""


def main(arguments: list[str]) -> int:
    """Runs the command line; what the program raises, SystemExit too, goes through."""
    if arguments == ["--version"]:
        print(tensorlite.__version__)
        return 0
    if arguments in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    is_module = arguments[1:2] == ["-m"]
    program = arguments[2 if is_module else 1 :]
    if arguments[:1] != ["run"] or not program:
        print(USAGE, end="", file=sys.stderr)
        return 2
    if not is_module and not os.path.exists(program[0]):
        print(f"python -m tensorlite run: no file {program[0]!r}", file=sys.stderr)
        return 2

    from . import as_torch as as_torch

    sys.argv = program
    if is_module:
        sys.path[0] = os.getcwd()
        runpy.run_module(program[0], run_name="__main__", alter_sys=True)
    else:
        # A folder or zip file with a __main__.py is put on the path by runpy.
        if os.path.isfile(program[0]):
            sys.path[0] = os.path.dirname(os.path.realpath(program[0]))
        runpy.run_path(program[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
