"""Names that somebody might give a file, a class or a tensor, to see what becomes of them."""

# What each does where it is printed, plotted or written as it is.
HOSTILE = {
    "clears the screen": "\x1b[2J\x1b[Hsafe",
    "sets the title": "\x1b]0;owned\x07",
    "closes a markup that was never opened": "[/y]",
    "opens a markup": "[bold red]",
    "an emoji's code": ":warning:",
    "TeX that does not end": r"$\bad{$",
    "TeX": r"$\frac{1}{2}$",
    "no character of its own": "lone\udcff and \ud800",
    "turns the direction of writing": "avi.\u202egnp",
    "another line": "class\ntvn: all is well",
    "overwrites its line": "FAILED\rpassed",
    "an older terminal's command": "\x9b2J",
    "ends a string in C": "a\0b",
    "a formula": "=1+1,\"'",
    "HTML": "<script>alert(1)</script>",
    "only white space": " \t ",
    "endless": "x" * 1_000_000,
}
# What a file's name cannot hold.
IN_FILES = {
    what: name
    for what, name in HOSTILE.items()
    if len(name) < 200 and "\0" not in name and "/" not in name and "\ud800" not in name
} | {"no UTF-8": "lone\udcff"}


def harmless(text: str) -> bool:
    """Whether a terminal would show all of this as it is, and any file take it."""
    return all(line.replace("\t", " ").isprintable() for line in text.split("\n"))
