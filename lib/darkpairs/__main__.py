"""What ``python -m darkpairs`` runs: see `command`.

In: words of the command line. Out: an exit status.
"""

import sys

from darkpairs.command import main

if __name__ == "__main__":
    sys.exit(main())
