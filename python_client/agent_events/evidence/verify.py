"""Check an evidence bundle: `python verify.py [--vkey FILE|TEXT] [BUNDLE]`.

BUNDLE is a bundle, zipped or unpacked; without it, the folder that this file is in. Python 3.9 or
later with its standard library is all that it needs: no network, no database, nothing installed.
Nothing is unpacked, written, or run from the bundle that is checked.

A verifier that came with the evidence proves as much as its sender is trusted. Where that is not
enough, run the same program from a copy of your own: `pip install agent-events`, and then
`python -m agent_events.evidence.verify BUNDLE`.

Exit codes: 0 everything verified, 1 findings, 2 it could not be checked.
"""

import sys
from pathlib import Path


def main() -> int:
    """Run the checks that stand beside this file: the exit code."""
    if sys.version_info < (3, 9):  # noqa: UP036 - bundles are checked with older ones, too
        sys.stderr.write("error: Python 3.9 or later is needed\n")
        return 2
    sys.dont_write_bytecode = True
    folder = None
    if not __package__:  # run as a file: the modules are in its folder
        folder = Path(__file__).resolve().parent
        sys.path.insert(0, str(folder))
    from agent_events.evidence.offline.command import run

    return run(sys.argv[1:], folder)


if __name__ == "__main__":
    sys.exit(main())
