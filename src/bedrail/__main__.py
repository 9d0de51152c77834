"""`python -m bedrail` is the command line."""

from bedrail.cli import main

if __name__ == "__main__":
    main()
