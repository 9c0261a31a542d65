"""`python -m agent` is the `forager` command, for children that must use this very interpreter."""

from agent.cli import main

if __name__ == "__main__":
    main()
