"""What a call raises, in a form that two libraries can be compared by."""


def raised(f, *args, length=70, **kwargs):
    """The result of a call, or the type of its error and the beginning of the message."""
    try:
        result = f(*args, **kwargs)
    except Exception as error:
        return [type(error).__name__, str(error)[:length]]
    return result
