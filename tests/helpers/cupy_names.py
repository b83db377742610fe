"""What CuPy 14.2.0 lacks of NumPy 2.4.6, as data for `strict_cupy`.

Found by comparing `dir` of each namespace and `inspect.signature` of each function; the ufuncs'
methods by calling them.
"""

MISSING = {  # NumPy's public names that CuPy lacks, by namespace
    "numpy": """ScalarType asmatrix block bmat busday_count busday_offset busdaycalendar bytes_ char
        character clongdouble complex256 core ctypeslib datetime64 datetime_as_string datetime_data
        dtypes einsum_path emath errstate f2py flexible float128 frompyfunc fromregex geomspace
        get_include getbufsize geterr geterrcall histogram_bin_edges info insert is_busday isnat
        little_endian longdouble ma matrix matvec memmap nanpercentile nanquantile ndenumerate
        nditer nested_iters object_ polyder polydiv polyint rec recarray record sctypeDict
        setbufsize seterr seterrcall show_runtime spacing str_ strings test timedelta64 typecodes
        unstack vecdot vecmat void False_ True_""".split(),
    "numpy.linalg": """diagonal matrix_norm multi_dot outer svdvals tensordot test trace vecdot
        vector_norm""".split(),
    "numpy.random": """MT19937 PCG64 PCG64DXSM Philox SFC64 SeedSequence bit_generator
        get_bit_generator get_state mtrand set_bit_generator set_state test""".split(),
    # the last three exist, but mean something on the device that is not modelled here
    "ndarray": "ctypes getfield resize setfield setflags to_device data device flat".split(),
}
GENERATOR = """beta binomial chisquare dirichlet exponential f gamma geometric hypergeometric
    integers logseries poisson power random standard_exponential standard_gamma standard_normal
    uniform""".split()  # all that cupy.random.Generator has
MODELLED = "numpy.fft numpy.lib numpy.lib.stride_tricks numpy.linalg numpy.random".split()
KEYWORDS = {  # keywords that CuPy's function or .method lacks, besides `ANYWHERE`
    name: keywords.split()
    for names, keywords in {
        "clip": "min max",  # the method has them
        "einsum": "out order casting",
        "sort argsort .sort .argsort": "stable order",
        "std var .std .var": "mean correction",
        "take .take": "mode",
    }.items()
    for name in names.split()
}
ANYWHERE = "where initial device like".split()
METHODS = {  # a ufunc's method -> the ufuncs for which CuPy has it
    "reduce": "add multiply",
    "accumulate": "add multiply",
    "reduceat": "add",
    "at": "add subtract maximum minimum bitwise_and bitwise_or bitwise_xor",
}
WAITS = """argwhere array2string array_repr array_str bincount choose compress delete extract
    flatnonzero histogram intersect1d item nonzero place real_if_close save savez savez_compressed
    setdiff1d setxor1d tobytes tofile tolist trim_zeros union1d unique unique_all unique_counts
    unique_inverse unique_values""".split()  # their answer, or its shape, must come to the host
NO_LISTS = "where clip dot vdot inner outer".split()  # as strict about lists as ufuncs are
FROM_SHAPES = """zeros ones empty full indices broadcast_shapes result_type can_cast issubdtype
    fromfunction""".split()  # what may begin with a list that holds no array
