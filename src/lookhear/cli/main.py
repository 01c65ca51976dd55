"""``lookhear``: the commands, and how every failure becomes one sentence and an exit code.

Exit codes: 0 all done · 1 a bug or a broken pipe · 2 the command line, an option or a setting is wrong · 3 one or more
files could not be analysed · 4 something optional is not installed · 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
from types import ModuleType, TracebackType
from typing import NoReturn

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # our threads share the work; BLAS's own would only fight them

import typer
from click import ClickException

from lookhear.errors import LookhearError
from lookhear.version import __version__


def _tune_the_process() -> None:
    """Ask glibc to keep what arrays give back: fetching it anew from the kernel costs a fifth of an analysis. And let
    the decoding thread wait less for the interpreter, which it wants often and briefly."""
    import ctypes

    sys.setswitchinterval(0.0005)

    mmap_threshold, trim_threshold, size = -3, -1, 1 << 28
    try:
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_threshold, size)
        libc.mallopt(trim_threshold, size)
    except (OSError, AttributeError):
        pass  # another libc manages by itself


def _quicken_help() -> None:
    """Typer imports what renders help that is Markdown, which ours is not: a third of all that --help takes."""
    unused = ModuleType("rich.markdown")
    unused.Markdown = None  # type: ignore[attr-defined]
    sys.modules["rich.markdown"] = unused
    try:
        import typer.rich_utils  # noqa: F401
    finally:
        del sys.modules["rich.markdown"]  # whoever wants it gets the real one


_INTERRUPTED = 130

app = typer.Typer(
    name="lookhear",
    help="Looks at images, listens to audio, watches video, and answers with metadata you can search.",
    epilog="Exit codes: 0 done · 2 wrong usage · 3 some files could not be analysed · 4 an optional part is missing "
    "· 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lookhear {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """Every command explains itself with --help."""


_pressed = False  # Ctrl-C, be it that decoders swallowed what it raised


def _interrupt(*_: object) -> NoReturn:
    global _pressed
    _pressed = True
    raise KeyboardInterrupt


def run() -> None:
    """The console script."""
    sys.unraisablehook, sys.excepthook = _unraisable, _excepted
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else someone chose to have it ignored
        signal.signal(signal.SIGINT, _interrupt)
    try:
        import lookhear.cli.auth
        import lookhear.cli.commands
        import lookhear.cli.models
        import lookhear.cli.vectors  # noqa: F401  (these register the commands)

        if not sys.argv[1:] or {"-h", "--help"} & {*sys.argv}:
            _quicken_help()
        _tune_the_process()
        code = typer.main.get_command(app)(standalone_mode=False)  # calling app would set a hook of typer's
        if code == _INTERRUPTED or _pressed:  # typer makes an exit code of it
            _complain("Interrupted.")
            code = _INTERRUPTED
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0)  # all is written; tearing modules down would cost 30 ms
    except LookhearError as error:
        _complain("Interrupted." if _pressed else error.message)
        sys.exit(_INTERRUPTED if _pressed else error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _complain("Interrupted.")
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: no second complaint at exit
        sys.exit(1)
    except Exception as error:
        if isinstance(error, ClickException):
            error.show()
            sys.exit(error.exit_code)
        _complain(f"This is a bug ({type(error).__name__}: {error}). Set LOOKHEAR_DEBUG=1 to see where, and report it.")
        if os.environ.get("LOOKHEAR_DEBUG"):
            raise
        sys.exit(1)


def _unraisable(found: sys.UnraisableHookArgs) -> None:
    """Ctrl-C while FFmpeg waits for a byte of ours is told again by the reader; here it would be a traceback."""
    if not issubclass(found.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(found)


def _excepted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Cython shows there, too, what it is about to call unraisable."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)


def _complain(message: str) -> None:
    sys.stderr.write(f"lookhear: {message}\n")
