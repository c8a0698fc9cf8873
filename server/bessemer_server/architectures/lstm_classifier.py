"""The LSTM that classifies texts."""

from __future__ import annotations

from typing import Annotated

import pydantic

from bessemer_server.architectures import kinds
from bessemer_server.domain import plans
from bessemer_server.layers.options import Options

Rate = Annotated[float, pydantic.Field(ge=0, lt=1)]


class LstmClassifierOptions(Options):
    """Options of `lstm_classifier`."""

    embedding: Annotated[int, pydantic.Field(ge=1, le=65_536)] = 100
    """Length of the vector of each token, from 1 to 65,536."""
    units: Annotated[int, pydantic.Field(ge=1, le=16_384)] = 128
    """Size of the LSTM's state, from 1 to 16,384."""
    dropout: Rate = 0.2
    """Share of the LSTM's inputs that is dropped while training, from 0 up to but not 1."""
    recurrent_dropout: Rate = 0.2
    """Share of the LSTM's state that is dropped while training, from 0 up to but not 1; 0 trains faster."""
    bidirectional: bool = False
    """Whether a second LSTM reads the text backwards."""


def layers(options: LstmClassifierOptions, info: plans.DatasetInfo) -> kinds.LayerList:
    """A vector for each token, an LSTM with dropout and recurrent dropout that reads them, and a softmax: for
    texts.

    Source: Keras's text classification examples (1,117,506 parameters with 10,000 tokens and 2 classes). The
    number of tokens and the length of a text are the specification's `text`.
    """
    lstm = {
        "units": options.units,
        "dropout": options.dropout,
        "recurrent_dropout": options.recurrent_dropout,
        "bidirectional": options.bidirectional,
    }
    return [
        {"embedding": {"vocabulary": info.vocabulary, "units": options.embedding}},
        {"lstm": lstm},
        {"dense": {"units": len(info.labels), "activation": "softmax"}},
    ]


LSTM_CLASSIFIER = kinds.Architecture(
    "lstm_classifier", LstmClassifierOptions, layers, takes=frozenset({"text"})
)
