"""The program as a person meets it, for the tests of this room."""

from fctsfn_tf.commands import cli


def fails(capsys, *arguments):
    """The one line that bad input gives."""
    assert cli.main([str(argument) for argument in arguments]) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert error.startswith("fctsfn: error: ")
    assert error.count("\n") == 1
    return error
