"""The command line: parse, call the library, print. Nobody imports this room."""
