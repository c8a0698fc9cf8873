"""Entry point of `bessemer-server` and `python -m bessemer_server`.

Imports nothing by itself: processes that are forked for training run this module once more, and must not load the
server with it.
"""


def main() -> None:
    """Run the command line."""
    from bessemer_server import cli

    cli.main()


if __name__ == "__main__":
    main()
