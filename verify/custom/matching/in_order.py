"""What hands on the same numbers, in the order of the original on both sides.

A dropout at rest, or the container around a layer, puts out what it reads. Which of two such a
place is does not show in its numbers. But the layer that computes them must come first in the port
as well: fed with the original's values one by one, it would else be handed its own result.
"""

from collections.abc import Mapping, Sequence

from verify.custom.layouts.fingerprint import Fingerprint, agree
from verify.custom.module.torch_module import Place
from verify.custom.originals.original import Call, is_output


def in_order(
    places: Mapping[str, Place],
    calls: Sequence[Call],
    values: Mapping[str, Fingerprint],
    worked: Sequence[str],
    fixed: Mapping[str, object],
) -> dict[str, Place]:
    """The places, some of them exchanged or left out.

    Args:
        places: by tap.
        calls: the original's layers at work, in its order.
        values: their numbers.
        worked: the places in the order in which they were done.
        fixed: taps that stay where they are.
    """
    when = {place: number for number, place in enumerate(worked)}
    kept = dict(places)
    left = [call for call in calls if not is_output(call.tap) and call.tap in places]
    left = [call for call in left if places[call.tap].module in when]
    while left:
        maker, *rest = left
        same = [call for call in rest if _alike(call, maker, values)]
        left = [call for call in rest if call not in same]
        start = when[places[maker.tap].module]
        free = [call.tap for call in same if call.tap not in fixed]
        early = [tap for tap in free if when[places[tap].module] < start]
        if early and not (maker.variables or maker.tap in fixed):
            first = min(early, key=lambda tap: when[places[tap].module])
            kept[maker.tap], kept[first] = places[first], places[maker.tap]
        elif early:
            kept = {tap: place for tap, place in kept.items() if tap not in early}
    return kept


def _alike(call: Call, other: Call, values: Mapping[str, Fingerprint]) -> bool:
    if call.value.shape != other.value.shape or not values[call.tap].matches(values[other.tap]):
        return False
    return agree(call.value, other.value)
