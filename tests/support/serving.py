"""``python -m support.serving serve …``: the command over the small service."""

import sys

from support import service

sys.modules["lookhear.wiring.service"] = service

if __name__ == "__main__":
    from lookhear.cli.main import run

    run()
