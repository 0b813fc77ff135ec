"""`python -m topcert` is the command `topcert`."""

from topcert.cli import main

if __name__ == "__main__":
    main()
