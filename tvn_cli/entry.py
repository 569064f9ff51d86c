"""The start of the process `tvn`, and its end: what concerns all commands alike.

Next to nothing is imported before Ctrl-C is answered.
"""

import os
import sys


def run() -> None:
    """The entry point of the console script."""
    from tvn_cli.process.interrupt import answer_interrupts, interrupted, leave

    answer_interrupts()
    try:
        status = _status()
    except BaseException:
        if interrupted():
            leave()
        raise
    if interrupted():  # and something went on all the same
        leave()
    sys.exit(status)


def _status() -> int:
    """Run the command that was asked for; a mistake of our own has no status of a failed check."""
    from tvn_cli.main import main
    from tvn_cli.process import failures
    from tvn_cli.process.streams import OutputError, guarded_streams, leave_unwritten
    from tvn_cli.screen.say import complain

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what TensorFlow logs is no news to users
    try:
        with guarded_streams():
            if line := failures.unfit_surroundings():
                complain(line)
                return failures.REFUSED
            return main(sys.argv[1:])
    except OutputError as error:
        leave_unwritten()
        status, line = failures.unwritten(error)
        complain(line)
        return status
    except Exception:
        import traceback

        traceback.print_exc()
        complain("a mistake in tvn itself, not in what you asked for; please report these lines")
        return failures.MISTAKE
