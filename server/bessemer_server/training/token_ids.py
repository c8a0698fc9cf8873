"""Do a layer list and its data agree about token ids? Shapes cannot tell: ids of a text and features are both flat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bessemer_server.domain import plans
from bessemer_server.layers import kinds, lists


def find_faults(layers: Sequence[lists.Layer], info: plans.DatasetInfo) -> Iterator[tuple[int, str]]:
    """Index of a layer and what is wrong: the first layer takes ids where the data are texts, and no other does."""
    is_text = info.kind == "text"
    first = layers[0].kind
    if is_text and not first.takes_ids:
        known = ", ".join(kind.name for kind in kinds.REGISTRY if kind.takes_ids) or "a layer that does"
        yield 0, f"{first.name} takes no token ids, and {info.name} is text data: begin with {known}"
    for index, layer in enumerate(layers):
        vocabulary = layer.options.model_dump().get("vocabulary")
        if layer.kind.takes_ids and (index or not is_text):
            yield index, f"{layer.kind.name} takes token ids: it can only be the first layer, for text data"
        elif vocabulary is not None and vocabulary < info.vocabulary:
            description = (
                f"{layer.kind.name} has a vocabulary of {vocabulary:,}, but texts have {info.vocabulary:,}"
            )
            yield index, f"{description} token ids (text.vocabulary); use at least {info.vocabulary:,}"
