"""Context managers that decorate functions, generators and classes."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any


def context_decorator(make: Callable[[], Any], func: Any) -> Any:
    """``func`` under a fresh ``make()`` at each call; a generator while it runs, not while it waits."""
    if inspect.isclass(func):
        warnings.warn(
            "Decorating classes is deprecated and will be disabled in future versions. You should "
            "only decorate functions or methods. To preserve the current behavior of class "
            "decoration, you can directly decorate the `__init__` method and nothing else.",
            FutureWarning,
            stacklevel=2,
        )
        initialize = context_decorator(make, func.__init__)  # type: ignore[misc]
        func.__init__ = initialize  # type: ignore[misc, method-assign]
        return func
    if inspect.isgeneratorfunction(func):
        return _decorate_generator(make, func)

    @functools.wraps(func)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        with make():
            return func(*args, **kwargs)

    return decorated


def _decorate_generator(make: Callable[[], Any], func: Any) -> Any:
    @functools.wraps(func)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        generator = func(*args, **kwargs)
        try:
            with make():
                value = generator.send(None)
            while True:
                try:
                    sent = yield value
                except GeneratorExit:
                    with make():
                        generator.close()
                    raise
                except BaseException as error:
                    with make():
                        value = generator.throw(error)
                else:
                    with make():
                        value = generator.send(sent)
        except StopIteration as end:
            return end.value

    return decorated
