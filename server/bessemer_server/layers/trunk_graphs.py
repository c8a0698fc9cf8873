"""Torchvision's trunks in ONNX's operators.

Their `forward` methods are Python; `torch.fx` reads from them which modules and functions they call, without torch's compiler.
Two tables say what each is in ONNX. Another trunk that torchvision brings needs nothing here unless it calls something new.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import fx, nn

from bessemer_server.layers import dense, graphs

Convert = Callable[..., Any]


def export(
    graph: graphs.Graph, trunk: nn.Module, inputs: graphs.Value, size: tuple[int, int]
) -> graphs.Value:
    """The feature map of images [N, 3, *size]. Raises `graphs.NotExportable`, which names what is missing."""
    traced = fx.symbolic_trace(trunk)
    parts = {node.target for node in traced.graph.nodes if node.op == "call_method"}
    sizes = _Sizes(traced)
    if parts & _Sizes.methods:
        with torch.no_grad():
            sizes.run(torch.zeros(1, 3, *size, device=next(trunk.parameters()).device))
    outputs: graphs.Value = _Exporter(traced, graph, sizes.found).run(inputs)
    return outputs


class _Sizes(fx.Interpreter):
    """Runs a trunk for the sizes that it asks for on its way, with one image."""

    methods = frozenset({"size", "chunk"})

    def __init__(self, traced: fx.GraphModule) -> None:
        super().__init__(traced)
        self.found: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if n.op == "call_method" and n.target == "size":
            self.found[n] = (0, *result[1:])  # 0 is the batch, of any size
        elif n.op == "call_method" and n.target == "chunk":
            self.found[n] = [part.shape[1] for part in result]
        return result


class _Exporter(fx.Interpreter):
    """Runs a trunk on `graphs.Value` in place of tensors."""

    def __init__(self, traced: fx.GraphModule, graph: graphs.Graph, sizes: dict[fx.Node, Any]) -> None:
        super().__init__(traced)
        self._graph = graph
        self._sizes = sizes
        self._node: fx.Node | None = None
        self.extra_traceback = False  # what cannot be exported is said in a sentence

    def run_node(self, n: fx.Node) -> Any:
        self._node = n
        return super().run_node(n)

    def get_attr(self, target: Any, args: Any, kwargs: Any) -> Any:
        return self._graph.tensor(str(target), super().get_attr(target, args, kwargs))

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        module = self.fetch_attr(target)
        convert = MODULES.get(type(module))
        if convert is None:
            raise graphs.NotExportable(f"{type(module).__name__} has no form in ONNX here")
        with self._graph.scope(str(target)):
            return convert(self._graph, module, *args)

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        if not any(isinstance(value, graphs.Value) for value in _flat(args)):
            return super().call_function(target, args, kwargs)  # sizes, and parts of what was chunked
        name = getattr(target, "__name__", str(target))
        if isinstance(args[0], tuple) and target is operator.getitem:
            return args[0][args[1]]
        if name not in FUNCTIONS:
            raise graphs.NotExportable(f"{name} has no form in ONNX here")
        return FUNCTIONS[name](self._graph, *args, **kwargs)

    def call_method(self, target: Any, args: Any, kwargs: Any) -> Any:
        assert self._node is not None
        if target == "size":
            return self._sizes[self._node]
        if target == "chunk":
            return _chunk(self._graph, args[0], self._sizes[self._node])
        if target not in METHODS:
            raise graphs.NotExportable(f"{target} has no form in ONNX here")
        return METHODS[target](self._graph, *args, **kwargs)


def _flat(values: Any) -> list[Any]:
    if isinstance(values, list | tuple):
        return [part for value in values for part in _flat(value)]
    return [values]


def _keep(graph: graphs.Graph, inputs: graphs.Value, *_: Any, **__: Any) -> graphs.Value:
    return inputs


def _operator(name: str, **attributes: Any) -> Convert:
    return lambda graph, *inputs, **_: graph.add(name, *_values(graph, inputs), **attributes)


def _values(graph: graphs.Graph, inputs: Sequence[Any]) -> list[graphs.Value]:
    return [v if isinstance(v, graphs.Value) else graph.constant(float(v)) for v in inputs]


def _module(name: str, **attributes: Any) -> Convert:
    return lambda graph, module, inputs: graph.add(name, inputs, **attributes)


def _silu(graph: graphs.Graph, module: nn.Module, inputs: graphs.Value) -> graphs.Value:
    return graph.add("Mul", inputs, graph.add("Sigmoid", inputs))


def _relu6(graph: graphs.Graph, module: nn.Module, inputs: graphs.Value) -> graphs.Value:
    return graph.add("Clip", inputs, graph.constant(0.0), graph.constant(6.0))


def _convolution(graph: graphs.Graph, module: nn.Conv2d, inputs: graphs.Value) -> graphs.Value:
    if isinstance(module.padding, str) or module.padding_mode != "zeros":
        raise graphs.NotExportable(f"a convolution with padding {module.padding!r} has no form in ONNX here")
    tensors = (graph.tensor(name, tensor) for name, tensor in module.named_parameters())
    return graph.add(
        "Conv",
        inputs,
        *tensors,
        strides=module.stride,
        pads=[*module.padding, *module.padding],
        dilations=module.dilation,
        group=module.groups,
    )


def _batch_norm(graph: graphs.Graph, module: nn.BatchNorm2d, inputs: graphs.Value) -> graphs.Value:
    names = ("weight", "bias", "running_mean", "running_var")
    tensors = (graph.tensor(name, getattr(module, name)) for name in names)
    return graph.add("BatchNormalization", inputs, *tensors, epsilon=module.eps)


def _pool(operator: str) -> Convert:
    def convert(graph: graphs.Graph, module: Any, inputs: graphs.Value) -> graphs.Value:
        return graph.add(operator, inputs, **_window(vars(module)))

    return convert


def _pool_function(operator: str, *names: str) -> Convert:
    def convert(graph: graphs.Graph, inputs: graphs.Value, *args: Any, **kwargs: Any) -> graphs.Value:
        return graph.add(operator, inputs, **_window({**dict(zip(names, args, strict=False)), **kwargs}))

    return convert


def _window(options: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes for the parameters of torch's pooling; only those for maxima have a dilation, only means count padding."""
    if options.get("return_indices") or _pair(options.get("dilation", 1)) != [1, 1]:
        raise graphs.NotExportable("pooling with dilation or indices has no form in ONNX here")
    size, pads = options["kernel_size"], _pair(options.get("padding", 0))
    counts = (
        {"count_include_pad": int(options["count_include_pad"])} if "count_include_pad" in options else {}
    )
    return {
        "kernel_shape": _pair(size),
        "strides": _pair(options.get("stride") or size),
        "pads": pads + pads,
        "ceil_mode": int(options.get("ceil_mode", False)),
        **counts,
    }


def _pair(value: Any) -> list[int]:
    return [value, value] if isinstance(value, int) else [*value]


def _global_average(graph: graphs.Graph, module: nn.AdaptiveAvgPool2d, inputs: graphs.Value) -> graphs.Value:
    if module.output_size not in (1, (1, 1)):
        raise graphs.NotExportable(f"adaptive pooling to {module.output_size} has no form in ONNX")
    return graph.add("GlobalAveragePool", inputs)


def _layer_norm_module(graph: graphs.Graph, module: nn.LayerNorm, inputs: graphs.Value) -> graphs.Value:
    tensors = (graph.tensor(name, tensor) for name, tensor in module.named_parameters())
    return graph.add(
        "LayerNormalization", inputs, *tensors, axis=-len(module.normalized_shape), epsilon=module.eps
    )


def _layer_norm(graph: graphs.Graph, inputs: graphs.Value, *args: Any, **kwargs: Any) -> graphs.Value:
    names = ("normalized_shape", "weight", "bias", "eps")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    axis = -len(given["normalized_shape"])
    tensors = given["weight"], given["bias"]
    return graph.add("LayerNormalization", inputs, *tensors, axis=axis, epsilon=given.get("eps", 1e-5))


def _cat(graph: graphs.Graph, tensors: Sequence[graphs.Value], dim: int = 0) -> graphs.Value:
    return graph.add("Concat", *tensors, axis=dim)


def _chunk(graph: graphs.Graph, inputs: graphs.Value, channels: Sequence[int]) -> tuple[graphs.Value, ...]:
    parts, start = [], 0
    for count in channels:
        bounds = (graph.constant([number]) for number in (start, start + count, 1))
        parts.append(graph.add("Slice", inputs, *bounds))
        start += count
    return tuple(parts)


def _permute(graph: graphs.Graph, inputs: graphs.Value, *dims: Any) -> graphs.Value:
    return graph.transpose(inputs, _flat(dims))


def _transpose(graph: graphs.Graph, inputs: graphs.Value, first: int, second: int) -> graphs.Value:
    axes = list(range(inputs.rank))
    axes[first], axes[second] = axes[second], axes[first]
    return graph.transpose(inputs, axes)


def _view(graph: graphs.Graph, inputs: graphs.Value, *shape: Any) -> graphs.Value:
    sides = _flat(shape)
    return graph.add("Reshape", inputs, graph.constant(sides), rank=len(sides))


_max_pool = _pool_function(
    "MaxPool", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"
)
_mean_pool = _pool_function(
    "AveragePool", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"
)


def _average_pool(graph: graphs.Graph, inputs: graphs.Value, *args: Any, **kwargs: Any) -> graphs.Value:
    # As a function it counts padding unless told otherwise; ONNX's operator does not.
    counts: dict[str, Any] = {} if len(args) > 4 else {"count_include_pad": True}
    return _mean_pool(graph, inputs, *args, **{**counts, **kwargs})  # type: ignore[no-any-return]


MODULES: dict[type[nn.Module], Convert] = {
    nn.Conv2d: _convolution,
    nn.BatchNorm2d: _batch_norm,
    nn.Linear: dense.export_linear,
    nn.LayerNorm: _layer_norm_module,
    nn.MaxPool2d: _pool("MaxPool"),
    nn.AvgPool2d: _pool("AveragePool"),
    nn.AdaptiveAvgPool2d: _global_average,
    nn.ReLU: _module("Relu"),
    nn.ReLU6: _relu6,
    nn.SiLU: _silu,
    nn.GELU: _module("Gelu"),
    nn.Sigmoid: _module("Sigmoid"),
    nn.Hardswish: _module("HardSwish"),
    nn.Hardsigmoid: _module("HardSigmoid", alpha=1 / 6, beta=0.5),
    nn.Dropout: lambda graph, module, inputs: inputs,
}
FUNCTIONS: dict[str, Convert] = {
    "add": _operator("Add"),
    "iadd": _operator("Add"),
    "mul": _operator("Mul"),
    "imul": _operator("Mul"),
    "relu": _operator("Relu"),
    "sigmoid": _operator("Sigmoid"),
    "cat": _cat,
    "avg_pool2d": _average_pool,
    "max_pool2d": _max_pool,
    "layer_norm": _layer_norm,
    "permute": _permute,
    "transpose": _transpose,
    "stochastic_depth": _keep,
    "dropout": _keep,
}
METHODS: dict[str, Convert] = {"view": _view, "permute": _permute, "contiguous": _keep}
