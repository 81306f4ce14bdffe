"""Writes the API pages: the ops from their records, the modules from their docstrings.

    python tools/apidocs.py FOLDER

Makes plain HTML without scripts: an index, one page of ops, one page for each module.
"""

from __future__ import annotations

import html
import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

import tensorlite

MODULES = (
    "tensorlite.autograd",
    "tensorlite.nn",
    "tensorlite.nn.functional",
    "tensorlite.nn.init",
    "tensorlite.nn.utils",
    "tensorlite.optim",
    "tensorlite.random",
    "tensorlite.serialization",
    "tensorlite.testing",
)
FUNCTION, METHOD, INPLACE, OUT, INTERNAL, NONDIFFERENTIABLE, VIEW = 1, 2, 4, 8, 16, 128, 256

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h2, h3 { margin: 1.6em 0 .3em; font-size: 1em; font-family: ui-monospace, monospace; }
pre, code { font-family: ui-monospace, monospace; font-size: .9em; background: #8881; }
pre { padding: .5em; overflow-x: auto; } .note { color: #777; font-size: .9em; }
"""


def page(title: str, body: str) -> str:
    """A whole page."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f"<body><h1>{html.escape(title)}</h1>{body}</body></html>\n"
    )


def paragraphs(text: str) -> str:
    """A docstring: indented blocks keep their lines."""
    blocks = inspect.cleandoc(text or "").split("\n\n")
    parts = []
    for b in blocks:
        indented = any(line.startswith("    ") for line in b.splitlines())
        parts.append(f"<pre>{html.escape(b)}</pre>" if indented else f"<p>{html.escape(b)}</p>")
    return "\n".join(parts)


def ops_page() -> str:
    """All ops in order of their names."""
    names = {n: f for n, f in sorted(vars(tensorlite._C.ops).items()) if hasattr(f, "records")}
    parts = ["<p>" + " ".join(f'<a href="#{n}">{n}</a>' for n in names) + "</p>"]
    for name, f in names.items():
        parts.append(f'<h2 id="{name}">{name}</h2>')
        for signature, flags, doc, samples, inplace in f.records:
            if inplace:
                base = signature.partition("(")[0]
                parts.append(f'<p>In-place version of <a href="#{base}">{base}</a>.</p>')
                continue
            parts.append(f"<pre>{html.escape(signature)}</pre>{paragraphs(doc)}")
            notes = {
                FUNCTION: "function",
                METHOD: "method",
                OUT: "takes out=",
                INTERNAL: "internal",
                VIEW: "gives a view",
                NONDIFFERENTIABLE: "has no gradient",
            }
            text = ", ".join(word for flag, word in notes.items() if flags & flag)
            first = (samples or "").split(" | ")[0]
            example = f", for example <code>{name}({html.escape(first)})</code>" if first else ""
            parts.append(f'<p class="note">{text}{example}</p>')
    return page("Ops", "\n".join(parts))


def members(module: Any) -> list[tuple[str, Any]]:
    """The public classes and functions of a module."""
    names = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
    found = [(n, getattr(module, n)) for n in names]
    return [
        (n, m)
        for n, m in found
        if (inspect.isclass(m) or inspect.isroutine(m))
        and (getattr(m, "__module__", None) or "").startswith("tensorlite")
    ]


def module_page(name: str) -> str | None:
    """A page of one module; None where there is none."""
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError:
        return None
    parts = [paragraphs(module.__doc__ or "")]
    for key, member in members(module):
        try:
            signature = str(inspect.signature(member))
        except (TypeError, ValueError):
            signature = "(…)"
        kind = "class " if inspect.isclass(member) else ""
        parts.append(f'<h3 id="{key}">{kind}{key}{html.escape(signature)}</h3>')
        parts.append(paragraphs(member.__doc__ or ""))
    return page(name, "\n".join(parts))


def main() -> None:
    """Writes all pages into the folder given."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    pages = {"ops": ops_page()}
    for name in MODULES:
        text = module_page(name)
        if text is not None:
            pages[name] = text
    items = "".join(f'<li><a href="{n}.html">{n}</a></li>' for n in pages)
    pages["index"] = page(f"tensorlite {tensorlite.__version__}", f"<ul>{items}</ul>")
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    print(f"{len(pages)} pages in {folder}")


if __name__ == "__main__":
    main()
