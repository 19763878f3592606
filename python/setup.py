"""Builds the package: the extension by setuptools, the library beside it by `make lib`. The rest of its description is in pyproject.toml.

The library's sources lie above this folder in a checkout, and in native/ in a source distribution, which this file makes.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
NATIVE = HERE / "native" if (HERE / "native").is_dir() else CHECKOUT
# What `make lib` needs. The Makefile asks .ci/pythons whatever is made.
NATIVE_SOURCES = ("Makefile", "Package.swift", "Sources", "include", ".ci/packages", ".ci/pythons")
COMPILER = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
TOOLS = {
    "make": "make",
    os.environ.get("SWIFT", "swift"): "a Swift toolchain, 6.1 or later (swift.org/install)",
    COMPILER: "a C compiler (Debian: apt-get install gcc libc6-dev)",
}

# For another machine than this one, as `make wheels` does for ARM: setuptools is told so by CPython's own variables.
MACHINE = sysconfig.get_platform().rpartition("-")[2]
CROSS = os.uname().machine != MACHINE
LIBRARY = NATIVE / ".build" / (f"cross-{MACHINE}" if CROSS else "lib")

# For packages of a system, in which the library is a package of its own: then it is none of this one.
SYSTEM_LIBRARY = bool(os.environ.get("BETAPOOL_SYSTEM_LIBRARY"))


def version() -> str:
    """The header is the one place where it stands. An old pip copies this folder away from it."""
    if not (NATIVE / "include/betapool.h").exists():
        sys.exit(f"error: the library's sources are not beside {HERE}: for a build from a clone pip must be 21.3 or later")
    found = re.search(r'^#define BETAPOOL_VERSION_STRING "(.*)"$', (NATIVE / "include/betapool.h").read_text(), re.MULTILINE)
    assert found, "include/betapool.h has no version"
    return found[1]


def make_library() -> Path:
    for tool, name in TOOLS.items():
        if not shutil.which(tool):
            sys.exit(f"error: betapool-native is built from source here, for which there must be {name}; a wheel needs nothing")
    # An installation of a Python package installs none of the system. What is said to this Python of another machine is not for make's.
    ours = ("PYTHONS", "PYTHONPATH", "_PYTHON_HOST_PLATFORM", "_PYTHON_SYSCONFIGDATA_NAME")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment["BETAPOOL_INSTALL"] = "no"
    target = f"cross-{MACHINE}" if CROSS else "lib"
    if subprocess.run(["make", "-C", str(NATIVE), target], env=environment, check=False).returncode != 0:
        sys.exit("error: the native library could not be built: `make` has said why")
    return next(LIBRARY.glob("libbetapool.so.*"))


class BuildExtension(build_ext):
    """With the library and its header inside the package. The extension finds the library beside itself."""

    def run(self) -> None:
        library = make_library()
        for extension in self.extensions:
            extension.depends.append(str(NATIVE / "include/betapool.h"))
        super().run()
        if SYSTEM_LIBRARY:
            return
        package = HERE / "betapool" if self.inplace else Path(self.build_lib, "betapool")
        shutil.copy2(library, package / library.name)
        if not self.inplace:
            (package / "include").mkdir(exist_ok=True)
            shutil.copy2(NATIVE / "include/betapool.h", package / "include")


class BuildPython(build_py):
    """With the evaluation in a folder of the package, which `python -m betapool evaluate` imports from: it is no package for programs."""

    def run(self) -> None:
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)  # with what the package had and has no more
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "betapool", "_evaluation", "evaluation")
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(HERE / "evaluation", target, ignore=shutil.ignore_patterns("__pycache__", "results", "tests"))


class SourceDistribution(sdist):
    def make_release_tree(self, base_dir: str, files: "list[str]") -> None:
        super().make_release_tree(base_dir, files)
        base = Path(base_dir)
        for name in NATIVE_SOURCES:
            source, target = NATIVE / name, base / "native" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy2(source, target)
        # In a checkout it is a link to the project's.
        (base / "LICENSE").unlink()
        shutil.copy2(HERE / "LICENSE", base / "LICENSE")


def across_files() -> "list[str]":
    """How to optimize across files, as the Makefile does it: by gcc alone, which has the linker for it."""
    found = shutil.which(COMPILER)
    is_gcc = found and "Free Software" in subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    return ["-flto=auto"] if is_gcc else []


def sources(pattern: str) -> "list[str]":
    return sorted(str(path.relative_to(HERE)) for path in HERE.glob(pattern))


# What is made on the way goes where the project's other products go, to a folder for each interpreter: several may build at once.
built = {}
if NATIVE == CHECKOUT:
    base = Path("../.build/python-system" if SYSTEM_LIBRARY else "../.build/python", sysconfig.get_config_var("SOABI"))
    (HERE / base).mkdir(parents=True, exist_ok=True)
    built = {"build": {"build_base": str(base)}, "egg_info": {"egg_base": str(base)}}

link_time = across_files()

setup(
    version=version(),
    ext_modules=[
        Extension(
            "betapool._core",
            sources("src/*.c"),
            depends=sources("src/*.h"),
            include_dirs=[str(NATIVE / "include")],
            library_dirs=[str(LIBRARY)],
            libraries=["betapool"],
            extra_compile_args=["-O2", "-g0", "-fvisibility=hidden", "-fstack-protector-strong", *link_time],
            extra_link_args=["-Wl,-s,-z,relro,-z,now", *link_time] + ([] if SYSTEM_LIBRARY else ["-Wl,-rpath,$ORIGIN"]),
        )
    ],
    cmdclass={"build_ext": BuildExtension, "build_py": BuildPython, "sdist": SourceDistribution},
    options=built,
)
