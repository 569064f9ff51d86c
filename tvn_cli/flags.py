"""Declaring flags: each kind in one call, and those that several commands have, once."""

from collections.abc import Sequence

from absl import flags

DEVICES = ("auto", "cpu", "cuda")
ENGINES = ("auto", "eager", "optimized", "compiled", "onnxruntime")


class Flags:
    """Declares the flags of one command in `values`."""

    def __init__(self, values: flags.FlagValues) -> None:
        self._values = values

    def text(self, name: str, about: str, default: str | None = None) -> None:
        """Any text, such as a path."""
        flags.DEFINE_string(name, default, about, flag_values=self._values)

    def number(
        self,
        name: str,
        about: str,
        default: int | None = None,
        *,
        least: int | None = 1,
        most: int | None = None,
    ) -> None:
        """A whole number within bounds."""
        flags.DEFINE_integer(name, default, about, least, most, flag_values=self._values)

    def switch(self, name: str, about: str, default: bool = False) -> None:
        """Yes or no."""
        flags.DEFINE_bool(name, default, about, flag_values=self._values)

    def choice(self, name: str, among: Sequence[str], about: str, default: str = "") -> None:
        """One of several words; the first if none is given."""
        flags.DEFINE_enum(name, default or among[0], among, about, flag_values=self._values)

    def several(self, name: str, about: str) -> None:
        """Words with commas between them."""
        flags.DEFINE_list(name, [], about, flag_values=self._values)

    def repeated(self, name: str, about: str) -> None:
        """Text that may be given more than once."""
        flags.DEFINE_multi_string(name, [], about, flag_values=self._values)

    # What several commands have.

    def quiet(self) -> None:
        """Every command has it."""
        self.switch("quiet", "print nothing but errors; the exit status says the rest")

    def verbose(self, about: str) -> None:
        """Of commands whose lists are folded."""
        self.switch("verbose", about)

    def size(self, of: str = "of the frames in pixels; the net's own if left out") -> None:
        """Height and width."""
        self.number("height", of)
        self.number("width", of)

    def num_classes(self, about: str = "outputs of the classifier") -> None:
        """How many classes a net without weights has."""
        self.number("num_classes", about, 50)

    def max_pool_predictions(self, about: str = "take the head that pools over frames") -> None:
        """Which head."""
        self.switch("max_pool_predictions", about)

    def prefix(self) -> None:
        """Of TensorFlow's names."""
        self.text("prefix", "what stands in front of every name in the source; found by itself "
                  "where only one will do")  # fmt: skip

    def use_ema(self) -> None:
        """Which weights of a source."""
        self.switch("use_ema", "take the moving averages of the weights in --source")

    def allow_unverified(self, doing: str) -> None:
        """Go on without a certificate."""
        self.switch("allow_unverified", f"{doing} weights that `tvn verify` has not passed, and "
                    "record that")  # fmt: skip

    def run_and_weights(self) -> None:
        """A run, and which of its weights."""
        self.text("run", "a run of `tvn finetune`")
        self.choice("which", ("last", "best"), "of the run's weights; `best` were chosen by the "
                    "run's own test")  # fmt: skip

    def engine(self, default: str) -> None:
        """What runs a net."""
        self.choice("engine", ENGINES, "what runs the net: `optimized` computes the same, "
                    "faster, on a CPU; `auto` takes it there", default)  # fmt: skip

    def folds(self, about: str) -> None:
        """One fold or all."""
        self.choice("folds", ("one", "all"), about)
