"""``python -m sennit``: the command ``sennit``."""

from sennit.cli.command import main

if __name__ == "__main__":
    main(prog_name="sennit")
