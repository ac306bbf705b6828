"""`python -m kubern` is `kubern`."""

from kubern.cli import main

main()
