"""Making networks without drawing random weights in vain, which is most of the work of making one."""

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any

from torch import Tensor
from torch.nn import init
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

_Kwargs = Mapping[str, Any] | None

_FILLS = frozenset(
    {
        *(Tensor.uniform_, Tensor.normal_, Tensor.zero_, Tensor.fill_),
        *(init.uniform_, init.normal_, init.constant_, init.kaiming_uniform_),
    }
)
"""What replaces all of a tensor: its methods, and those functions of `torch.nn.init` that a mode gets to see."""

_DRAWS = _FILLS - {Tensor.zero_, Tensor.fill_, init.constant_}

# Attributes of tensors are descriptors, whose getters are no functions in typing's eyes.
_SHAPE: Any = Tensor.shape
_NDIM: Any = Tensor.ndim
_READS_OF_SHAPE = frozenset({Tensor.dim, Tensor.size, Tensor.numel, _SHAPE.__get__, _NDIM.__get__})


class NothingDrawn(TorchFunctionMode):
    """Leaves memory as it comes where random weights would fill it; others must be loaded over all of them."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[Any], args: Any = (), kwargs: _Kwargs = None
    ) -> Any:
        kwargs = kwargs or {}
        return _filled(args, kwargs) if func in _DRAWS else func(*args, **kwargs)


class DefaultsLast(TorchFunctionMode):
    """Puts off a layer's default weights until something looks at them, or to the end.

    Most networks replace them by weights of their own; those are not drawn at all.
    """

    def __init__(self) -> None:
        super().__init__()
        self._put_off: dict[int, tuple[Tensor, int, dict[str, Any]]] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[Any], args: Any = (), kwargs: _Kwargs = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is init.kaiming_uniform_:
            tensor = _filled(args, kwargs)
            options = {name: value for name, value in kwargs.items() if name != "tensor"}
            self._put_off[id(tensor)] = (tensor, tensor._version, options)
            return tensor
        if func in _FILLS:
            self._put_off.pop(id(_filled(args, kwargs)), None)
        elif self._put_off and func not in _READS_OF_SHAPE:
            for leaf in tree_leaves((args, kwargs)):
                self._draw(id(leaf))
        return func(*args, **kwargs)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)  # type: ignore[no-untyped-call]
        if error is None:
            for key in list(self._put_off):
                self._draw(key)

    def _draw(self, key: int) -> None:
        if key in self._put_off:
            tensor, version, options = self._put_off.pop(key)
            # Another tensor of the same memory may have been filled instead.
            if tensor._version == version:
                init.kaiming_uniform_(tensor, **options)


def _filled(args: Any, kwargs: Mapping[str, Any]) -> Tensor:
    tensor: Tensor = args[0] if args else kwargs["tensor"]
    return tensor
