"""Optional compiled kernels; without a C compiler the numpy versions serve."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "bedrail.models._trees",
            ["src/bedrail/models/_trees.c"],
            depends=["src/bedrail/models/_tree_shap.c"],
            extra_compile_args=["-O3", "-ffp-contract=off"],
            optional=True,
        ),
        Extension(
            "bedrail.privacy.text._chain",
            ["src/bedrail/privacy/text/_chain.c"],
            extra_compile_args=["-O3"],
            optional=True,
        ),
        Extension(
            "bedrail.privacy.text._scan",
            ["src/bedrail/privacy/text/_scan.c"],
            depends=["src/bedrail/privacy/text/_kept.c", "src/bedrail/privacy/text/_states.c"],
            extra_compile_args=["-O3"],
            optional=True,
        ),
        Extension(
            "bedrail.monitoring._histogram",
            ["src/bedrail/monitoring/_histogram.c"],
            extra_compile_args=["-O3"],
            optional=True,
        ),
    ]
)
