"""The commands of `fctsfn`, a module each: `add_parser` adds its arguments and sets `run`.

`run` is a function of the parsed arguments that returns the exit code. Everything heavy is imported
there, so that `fctsfn --help` answers at once.
"""
