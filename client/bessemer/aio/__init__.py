"""The SDK for asyncio: the names and arguments of `bessemer.connect`, awaited.

    async with bessemer.aio.connect("localhost:50051") as client:
        job = await client.train("mnist_cnn", dataset="digits")
        await job.wait()
        model = await job.model
        print(await model.predict(images))

What asks the service is awaited, `job.model` and `job.history` too; lists and `job.watch()` are for `async for`.
"""

from bessemer.aio.client import Client, connect
from bessemer.aio.jobs import Job
from bessemer.aio.models import Model

__all__ = ["Client", "Job", "Model", "connect"]
