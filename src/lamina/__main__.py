"""``python -m lamina``: the program, where its script is not on the path."""

from lamina.cli.main import main

if __name__ == "__main__":
    main()
