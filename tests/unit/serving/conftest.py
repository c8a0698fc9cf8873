"""A dispatcher with a predictor in this process."""

import pytest

from bessemer_server.serving.dispatcher import Dispatcher
from tests.unit.serving.doubling import DoublingPredictor
from tests.unit.serving.test_requests import MODEL


@pytest.fixture
async def predictor():
    return DoublingPredictor()


@pytest.fixture
async def dispatcher(predictor):
    predictor.models.add(MODEL.key)
    dispatcher = Dispatcher(predictor)
    dispatcher.start()
    yield dispatcher
    await dispatcher.close()
