"""Entry point of `bessemer-server` and `python -m bessemer_server`.

Imports nothing of the service by itself: processes that are forked for training run this module once more, and must not load the
server with it.
"""

import sys

INTERRUPTED = 130
"""What shells expect after Ctrl-C."""


def main() -> None:
    """Run the command line; a library that is not installed is an error that says what to install."""
    try:
        from bessemer_server import cli

        cli.main()
    except KeyboardInterrupt:  # while it loads; from then on the service hears the signal itself
        sys.exit(INTERRUPTED)
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        sys.exit(
            f'error: bessemer-server needs {module}, which is not installed: pip install "bessemer[server]"'
        )


if __name__ == "__main__":
    main()
