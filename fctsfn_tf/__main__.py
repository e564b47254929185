"""`python -m fctsfn_tf`: the command line, see `cli`."""

import sys

from fctsfn_tf.commands.cli import main

sys.exit(main())
