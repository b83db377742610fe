"""A strict stand-in for CuPy: NumPy's arithmetic underneath, CuPy 14.2's refusals on top.

Whoever writes a layer can see on a machine without a GPU whether it would run on CuPy: give it
arrays made here, `x = strict_cupy.asarray(host)`, or use the fixture `xp`. This module

- refuses what CuPy refuses: host arrays among device arrays, implicit conversion to NumPy, lists
  into ufuncs, `where=` and `initial=`, every name and keyword that CuPy lacks;
- refuses what CuPy does silently: wrap an index array that is out of range, store one of several
  values under a repeated index, upload an index that lies on the host;
- gives what CuPy gives: reductions are 0-d arrays, results of ufuncs lie in C order, `x[0]` of a
  vector is a view;
- notes each wait for the device in `syncs` and each copy to it in `uploads`, by name.

It knows no streams, kernels or memory pools, and rounds as NumPy does, not as a GPU. What CuPy
lacks is listed in `cupy_names`.
"""

import math
import sys
import types

import numpy as np
from cupy_names import (
    ANYWHERE,
    FROM_SHAPES,
    GENERATOR,
    KEYWORDS,
    METHODS,
    MISSING,
    MODELLED,
    NO_LISTS,
    WAITS,
)

syncs: list[str] = []  # what made the host wait for the device since `reset`
uploads: list[str] = []  # what copied from the host to the device since `reset`


def reset():
    """Forget the waits and uploads seen so far."""
    syncs.clear()
    uploads.clear()


class ndarray(np.lib.mixins.NDArrayOperatorsMixin):  # noqa: N801
    """A device array. The NumPy array underneath, `_host`, is for this file alone."""

    __slots__ = ("_host",)
    __hash__ = None

    def __init__(self, host):
        if host.dtype.char not in "?bBhHiIlLqQefdFD":
            raise ValueError(f"Unsupported dtype {host.dtype}")
        self._host = host

    def __array__(self, *_, **__):
        raise TypeError("Implicit conversion to a NumPy array is not allowed; use .get()")

    def __array_ufunc__(self, ufunc, method, *args, **kwargs):
        """np.exp(x), and every operator. Only calls, as in CuPy: np.add.reduce(x) is refused."""
        if method != "__call__" or ufunc.__name__ in MISSING["numpy"]:
            return NotImplemented
        if "out" in kwargs:
            (kwargs["out"],) = kwargs["out"]
        return Ufunc(ufunc)(*args, **kwargs)

    def __array_function__(self, function, _, args, kwargs):
        """np.sum(x) is this module's sum(x)."""
        try:
            home = sys.modules[__name__]
            for part in function.__module__.split(".")[1:]:
                home = getattr(home, part)
            twin = getattr(home, function.__name__)
        except AttributeError:
            return NotImplemented
        return twin(*args, **kwargs)

    def __getattr__(self, name):
        if name.startswith("_") or name in MISSING["ndarray"]:
            raise AttributeError(f"a CuPy array has no {name!r} (or none that is modelled here)")
        value = getattr(self._host, name)
        if not callable(value):
            return wrap(value)
        method = getattr(np.ndarray, name)
        return lambda *args, **kwargs: call(method, f".{name}", (self, *args), kwargs)

    @property
    def flags(self):
        """CuPy's only flags: no array is ever read-only."""
        names = ("c_contiguous", "f_contiguous", "fnc", "forc", "owndata")
        return types.SimpleNamespace(**{name: getattr(self._host.flags, name) for name in names})

    def get(self, why=".get()"):
        """A copy on the host, which waits for the device."""
        syncs.append(why)
        return self._host.copy()

    def set(self, host):
        """Write `host`, of the same shape and dtype, into this array."""
        if (host.shape, host.dtype) != (self.shape, self.dtype):
            raise TypeError(f"{host.dtype} {host.shape} into {self.dtype} {self.shape}")
        uploads.append(".set()")
        self._host[...] = host

    def __float__(self):
        return float(self.get("float()"))

    def __int__(self):
        return int(self.get("int()"))

    def __bool__(self):
        return bool(self.get("bool()"))

    def __repr__(self):
        return repr(self.get("printing"))

    def __str__(self):
        return str(self.get("printing"))

    def __format__(self, spec):
        return format(self.get("printing"), spec)

    def __deepcopy__(self, memo):
        return self.copy()

    def __imatmul__(self, other):
        return self @ other  # CuPy has no in-place product: `x @= w` binds x anew

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index):
        index = host_index(index, "reading")
        item = in_range(self._host.__getitem__, index)
        return ndarray(self._host[(*index, ...)] if isinstance(item, np.generic) else item)

    def __setitem__(self, index, value):
        if isinstance(value, list | tuple):
            raise TypeError(f"CuPy stores arrays and scalars, not a {type(value).__name__}")
        value, index = unwrap(value), host_index(index, "writing")
        if np.ndim(value) and any(isinstance(part, np.ndarray) for part in index):
            places = in_range(np.arange(self.size).reshape(self.shape).__getitem__, index)
            if np.unique(places).size < places.size:
                raise IndexError("repeated index: which of the values CuPy stores is undefined")
        in_range(self._host.__setitem__, index, value)


def host_index(index, what):
    """The index as NumPy takes it, a tuple. Notes the wait for a boolean mask."""
    index = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, list | tuple) for part in index):
        raise TypeError("a list as index is a hidden upload: use slices or a device array")
    if any(isinstance(part, ndarray) and part.dtype == bool for part in index):
        syncs.append(f"{what} by a boolean mask")
    return unwrap(index)


def in_range(function, *args, **kwargs):
    """function(...), with an IndexError that says why it matters."""
    try:
        return function(*args, **kwargs)
    except IndexError as error:
        raise IndexError(f"{error}; CuPy would wrap an index array without a word") from None


def unwrap(value):
    """`value` with NumPy arrays for device arrays; TypeError where a host array lay already."""
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}: a host array met device arrays")
    if type(value) in (list, tuple):
        return type(value)(map(unwrap, value))
    return value._host if isinstance(value, ndarray) else value


def wrap(value):
    """NumPy's answer as CuPy's: arrays, alone or in a list or tuple, and scalars as 0-d arrays."""
    if isinstance(value, np.ndarray | np.generic):
        return ndarray(np.asarray(value))
    if isinstance(value, list | tuple):
        return [*map(wrap, value)] if isinstance(value, list) else (*map(wrap, value),)
    return value


def holds_array(value):
    """Whether `value` is a device array, or a list or tuple with one inside."""
    return isinstance(value, ndarray) or (
        isinstance(value, list | tuple) and any(map(holds_array, value))
    )


def call(function, name, args, kwargs):
    """NumPy's function(*args, **kwargs) under CuPy's rules for `name`, for a method `.name`."""
    bare = name.removeprefix(".")
    for keyword in kwargs:
        if keyword in (*ANYWHERE, *KEYWORDS.get(name, ())) and name != "copyto":
            raise TypeError(f"{bare}() got an unexpected keyword argument {keyword!r}")
    for place, arg in enumerate(args):
        if isinstance(arg, list | tuple) and (
            bare in NO_LISTS
            or not (place or bare in FROM_SHAPES or "random." in bare or holds_array(arg))
        ):
            raise TypeError(f"{bare}() of CuPy takes device arrays, not a {type(arg).__name__}")
    if bare in WAITS or (name == "where" and len(args) == 1):
        syncs.append(f"{bare}()")
    results = [arg for arg in (*args, kwargs.get("out")) if isinstance(arg, ndarray)]
    kwargs = {keyword: unwrap(value) for keyword, value in kwargs.items()}
    result = in_range(function, *unwrap(tuple(args)), **kwargs)
    for array in results:  # out=, and a copy that was none, come back as the object they were
        if array._host is result:
            return array
    return wrap(np.asarray(result) if name in ("allclose", "array_equal") else result)


class Ufunc:
    """A ufunc as CuPy has it: device arrays and scalars in; `out=`, `dtype=`, `casting=`."""

    def __init__(self, ufunc):
        self._ufunc, self.__name__ = ufunc, ufunc.__name__

    def __call__(self, *args, **kwargs):
        if any(isinstance(arg, list | tuple) for arg in args):
            raise TypeError(f"{self.__name__}() of CuPy takes arrays and scalars, not lists")
        if kwargs.keys() - {"out", "dtype", "casting"}:
            raise TypeError(f"Wrong arguments {kwargs}")
        return call(self._ufunc, self.__name__, args, {**kwargs, "order": "C"})

    def __getattr__(self, name):
        method = getattr(self._ufunc, name)
        if name in METHODS and self.__name__ not in METHODS[name].split():
            raise NotImplementedError(f"`{self.__name__}.{name}` is not supported yet")
        if not callable(method):
            return method
        return lambda *args, **kwargs: call(method, name, args, kwargs)


class Namespace:
    """One of NumPy's modules with CuPy's names in it."""

    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        module = self._module
        value = getattr(module, name, None)
        path = f"{module.__name__}.{name}"
        if (value is None and name != "newaxis") or name in MISSING.get(module.__name__, ()):
            raise AttributeError(f"CuPy has no {path.removeprefix('numpy.')!r}")
        if isinstance(value, types.ModuleType):
            if path not in MODELLED:
                raise AttributeError(f"{name!r} is not modelled by the strict stand-in")
            return Namespace(value)
        if path == "numpy.random.default_rng":
            return Generator
        if isinstance(value, np.ufunc):
            return Ufunc(value)
        if isinstance(value, type) or not callable(value):
            return value
        name = path.removeprefix("numpy.")  # "sum", "linalg.norm"
        return lambda *args, **kwargs: call(value, name, args, kwargs)


class Generator:
    """cupy.random.default_rng(seed); the numbers of a real device are others."""

    def __init__(self, seed=None):
        self._generator = np.random.default_rng(seed)

    def __getattr__(self, name):
        if name not in GENERATOR:
            raise AttributeError(f"CuPy's random Generator has no {name!r}")
        return lambda *args, **kwargs: call(
            getattr(self._generator, name), f"random.{name}", args, kwargs
        )


def array(obj, dtype=None, copy=True, order="K", ndmin=0):
    """A new device array; what lies on the host is uploaded."""
    obj = obj if holds_array(obj) else upload(obj, dtype)
    return call(
        np.array,
        "array",
        (obj,),
        {"dtype": dtype, "copy": copy or None, "order": order, "ndmin": ndmin},
    )


def asarray(a, dtype=None, order=None, *, copy=None):
    """`a` itself if it is a device array that fits; what lies on the host is uploaded."""
    a = a if holds_array(a) else upload(a, dtype)
    return call(np.asarray, "asarray", (a,), {"dtype": dtype, "order": order, "copy": copy})


asanyarray = asarray


def upload(host, dtype):
    uploads.append("asarray()")
    return ndarray(np.array(host, dtype))


def asnumpy(a):
    """`a` on the host."""
    return a.get("asnumpy()") if isinstance(a, ndarray) else np.asarray(a)


def __getattr__(name):
    return getattr(Namespace(np), name)


def erf(x):
    """cupyx.scipy.special.erf: float32 for float32, float64 for all else."""
    dtype = np.float32 if x.dtype == np.float32 else np.float64
    return call(np.vectorize(math.erf, otypes=[dtype]), "erf", (x,), {})


sys.modules["strict_cupyx.scipy.special"] = types.SimpleNamespace(erf=erf)
