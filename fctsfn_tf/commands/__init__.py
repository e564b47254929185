"""The program `fctsfn`: its commands, a module each.

In: the arguments of the command line. Out: an exit code. `add_parser` adds a command's arguments
and sets `run`, a function of the parsed arguments; everything heavy is imported there, so that
`fctsfn --help` answers at once. Open first: `cli.py`.
"""
