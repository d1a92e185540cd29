"""A progress bar: tqdm's if it is installed, else a plain line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress_bar"]

_SECONDS_BETWEEN = 0.1


@contextmanager
def progress_bar(total: int, description: str, enabled: bool = True) -> Iterator[Callable[[str], None]]:
    """Show on standard error how many of `total` rounds are done.

    Parameters
    ----------
    total : int
        Rounds there will be at most.
    description : str
        Stands before the bar.
    enabled : bool
        Whether anything is shown.

    Yields
    ------
    callable
        To be called with a short text after each round.

    Examples
    --------
    >>> with progress_bar(2, "epochs", enabled=False) as advance:
    ...     advance("loss 1.0")
    """
    if not enabled or total == 0:
        yield lambda text: None
        return
    bar = _open_bar(total, description)
    try:
        yield bar.advance
    finally:
        bar.close()


def _open_bar(total: int, description: str) -> _Tqdm | _Line:
    try:
        from tqdm import tqdm
    except ImportError:
        return _Line(total, description)
    return _Tqdm(tqdm(total=total, desc=description, dynamic_ncols=True))


class _Tqdm:
    def __init__(self, bar) -> None:
        self._bar = bar

    def advance(self, text: str) -> None:
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update()

    def close(self) -> None:
        self._bar.close()


class _Line:
    """One line, written over and over."""

    def __init__(self, total: int, description: str) -> None:
        self._total, self._description = total, description
        self._done, self._text = 0, ""
        self._shown_at, self._width = 0.0, 0

    def advance(self, text: str) -> None:
        self._done, self._text = self._done + 1, text
        if time.monotonic() - self._shown_at >= _SECONDS_BETWEEN:
            self._show()

    def close(self) -> None:
        self._show()
        print(file=sys.stderr, flush=True)

    def _show(self) -> None:
        line = f"{self._description}: {self._done}/{self._total}  {self._text}"
        print("\r" + line.ljust(self._width), end="", file=sys.stderr, flush=True)
        self._shown_at, self._width = time.monotonic(), len(line)
