"""python -m evals.films: render a set of films."""

from __future__ import annotations

import argparse

from evals.films.sets import SEEDS, rendered


def main() -> None:
    """Render what is missing, and say where it lies."""
    parser = argparse.ArgumentParser(prog="python -m evals.films", description=__doc__)
    parser.add_argument("--set", choices=tuple(SEEDS), default="tune")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    for path in rendered(arguments.set, arguments.jobs):
        print(path)


if __name__ == "__main__":
    main()
