"""What Prometheus reads: parsed by its own client, and equal to what the statistics call tells."""

import socket
import subprocess
import urllib.request

import numpy as np
import tritonclient.grpc as triton
from prometheus_client import parser

import bessemer

FEATURES = np.array([[5.1, 3.5, 1.4, 0.2]], np.float32)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def read(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, sample.labels.get("le")): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_agree_with_the_statistics_call(make_service):
    port = free_port()
    service = make_service("--metrics-listen", f"127.0.0.1:{port}")
    service.start()
    with (
        bessemer.connect(service.address) as client,
        triton.InferenceServerClient(service.address) as server,
    ):
        model = client.train("mlp", dataset="iris", epochs=1).wait(progress=False).model
        assert model is not None
        for rows in (1, 2, 3):
            model.predict(np.repeat(FEATURES, rows, axis=0))
        (told,) = server.get_inference_statistics(model.name, model.version).model_stats
    seen = read(port)
    assert seen["bessemer_inference_successes_total", None] == told.inference_stats.success.count == 3
    assert seen["bessemer_inference_failures_total", None] == told.inference_stats.fail.count
    assert seen["bessemer_inference_rows_total", None] == told.inference_count == 6
    assert seen["bessemer_inference_batches_total", None] == told.execution_count == 3
    pairs = {
        "request": told.inference_stats.success,
        "queue": told.inference_stats.queue,
        "input": told.inference_stats.compute_input,
        "compute": told.inference_stats.compute_infer,
        "output": told.inference_stats.compute_output,
    }
    for name, duration in pairs.items():
        assert seen[f"bessemer_inference_{name}_seconds_count", None] == duration.count
        np.testing.assert_allclose(seen[f"bessemer_inference_{name}_seconds_sum", None], duration.ns / 1e9)
    assert [seen["bessemer_inference_batch_rows_bucket", le] for le in ("1", "2", "4", "+Inf")] == [
        1,
        2,
        3,
        3,
    ]
    assert seen["bessemer_inference_waiting_requests", None] == 0
    assert seen["bessemer_model_memory_bytes", None] > 0


def test_a_port_that_is_taken_is_told(make_service):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        service = make_service("--metrics-listen", f"127.0.0.1:{taken.getsockname()[1]}")
        refused = subprocess.run(service.command(), capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode == 1
    assert "choose another --metrics-listen" in refused.stderr
    assert "Traceback" not in refused.stderr
