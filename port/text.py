"""Text that other people wrote, made fit to be shown: names of files, classes, tensors; messages.

Such a string may hold what moves a terminal's cursor, turns the direction of writing, cannot be
encoded, or has no end. What prints, plots or writes one, takes it through here:

- in a message or a cell: `visible(name)`; to rich as `Text(visible(name))`, never as a plain `str`,
  which rich reads for markup
- in a plot: `plottable(name)`
- in a file: `port.atomic.write_text`, and `visible` for cells that people read
- in JSON: as it is, since `json.dumps` escapes all but ASCII
"""

LONGEST_NAME = 500  # characters; more than a path usually has, and few enough to read past
LONGEST_MESSAGE = 4000


def visible(text: object, limit: int = LONGEST_NAME) -> str:
    r"""One printable line that stands for `text`.

    Control and format characters, line ends among them, become escapes as Python writes them
    (`\x1b`, `\n`, `\u202e`), and so do lone surrogates; one that stands for a byte of a file's name
    becomes that byte (`\xff`). What is longer than `limit` loses its middle. A second time changes
    nothing.

    Args:
        text: a string, or what `str` makes one of.
        limit: characters, at least 3.
    """
    return _shorten(_escape(_shorten(str(text), limit)), limit)


def visible_line(text: object) -> str:
    """A message of a library or an error as one printable line: runs of white space become one."""
    return visible(" ".join(str(text).split()), LONGEST_MESSAGE)


def plottable(text: object, limit: int = LONGEST_NAME) -> str:
    """As `visible`, for matplotlib, which takes what stands between dollar signs for TeX."""
    return visible(text, limit).replace("$", r"\$")


def _escape(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # how Python holds a byte that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def _shorten(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    tail = (limit - 1) // 2
    return f"{text[: limit - 1 - tail]}…{text[len(text) - tail :]}"
