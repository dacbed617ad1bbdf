"""The book's commands.

- `python -m book`: run every notebook that is new, build the HTML, say where it is;
- `python -m book execute`: only run the notebooks;
- `python -m book sync`: write first cells and badges into the notebooks;
- `python -m book bench`: measure the engine beside its peers (about five minutes).
"""

import argparse
import sys

from book import bench, notebooks, site, sync


def main() -> int:
    """Run one command; the exit status is 0 when it worked."""
    parser = argparse.ArgumentParser(
        prog="python -m book",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = ["build", "execute", "sync", "bench"]
    parser.add_argument("command", nargs="?", default="build", choices=commands)
    group = parser.add_argument_group("options of bench")
    group.add_argument("--quick", action="store_true", help="rough, in half a minute")
    group.add_argument("--peers", action="store_true", help="time autograd too")
    group.add_argument("--only", default="", metavar="NAME", help="networks named so")
    options = parser.parse_args()
    command = options.command
    try:
        if command == "bench":
            bench.main(options)
        elif command == "sync":
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
