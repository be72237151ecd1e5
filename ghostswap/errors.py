"""The one way to fail: what could not be done, where, and why, as one line."""


class GhostswapError(Exception):
    """Something could not be done or was refused (exit status 1).

    `where` is the path, device or process it happened at, `why` the reason in the user's words;
    together they are the single line that the command line prints.
    """

    def __init__(self, where: object, why: str) -> None:
        super().__init__(where, why)
        self.where = where
        self.why = why

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


class UsageError(GhostswapError):
    """The command line contradicts itself or a value is out of range (exit status 2)."""


def os_reason(error: OSError) -> str:
    """The operating system's words for `error`, without number or path."""
    return error.strerror or str(error)
