"""What a run's record must say, checked before anything of it is used."""

from collections.abc import Mapping
from typing import Any

from port.errors import InputError
from port.genotype import Genotype
from port.text import visible

# Entries that are read again, with the types they may have; of a mapping, its own entries.
FORM: Mapping[str, Any] = {
    "data": (str,),
    "class_names": (list,),
    "genotype": (dict,),
    "versions": (dict,),
    "split": {
        "description": (str,),
        "leaks": (bool,),
        "scheme": (str,),
        "train_videos": (int,),
        "test_videos": (int,),
    },
    "origin": {"weights": (str, type(None)), "verification": {"verified": (bool,)}},
}


def check_record(record: Any) -> None:
    """Refuse a record that no run wrote.

    Raises:
        InputError: begins with the name of what is wrong.
    """
    _check(record, FORM, "record")
    if not record["class_names"] or not all(type(each) is str for each in record["class_names"]):
        raise InputError("record.class_names: must be a list of names")
    try:
        Genotype.from_dict(record["genotype"])
    except InputError as error:
        raise InputError(f"record.genotype: {error}") from None
    verification = record["origin"]["verification"]
    if not verification["verified"] and type(verification.get("reason")) is not str:
        raise InputError("record.origin.verification.reason: must be text")


def _check(found: Any, form: Mapping[str, Any], name: str) -> None:
    if type(found) is not dict:
        raise InputError(f"{name}: is {visible(found)}; it must hold entries by name")
    for key, wanted in form.items():
        if key not in found:
            raise InputError(f"{name}: missing {key}")
        if isinstance(wanted, Mapping):
            _check(found[key], wanted, f"{name}.{key}")
        elif type(found[key]) not in wanted:
            kinds = " or ".join(kind.__name__ for kind in wanted)
            raise InputError(f"{name}.{key}: is {visible(found[key], 80)}; it must be {kinds}")
