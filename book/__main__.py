"""The book's commands.

- `python -m book`: run every notebook that is new, build the HTML, say where it is;
- `python -m book execute`: only run the notebooks;
- `python -m book sync`: write first cells and badges into the notebooks.
"""

import argparse
import sys

from book import notebooks, site, sync


def main() -> int:
    """Run one command; the exit status is 0 when it worked."""
    parser = argparse.ArgumentParser(
        prog="python -m book",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "command", nargs="?", default="build", choices=["build", "execute", "sync"]
    )
    command = parser.parse_args().command
    try:
        if command == "sync":
            for changed in sync.write():
                print(f"wrote {changed}")
        else:
            notebooks.execute_all()
            if command == "build":
                page = site.build()
                print(f"\nThe book is here. Open it in a browser:\n  {page.as_uri()}")
    except notebooks.BuildError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
