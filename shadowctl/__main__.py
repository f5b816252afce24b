"""`python -m shadowctl`."""

import sys

try:
    from shadowctl.cli import main  # inside: importing takes a second, and Ctrl-C may come in it

    main()
except KeyboardInterrupt:
    print("\nstopped; nothing is left running", file=sys.stderr)
    sys.exit(130)
