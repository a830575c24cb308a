"""No module includes itself through other modules.

usage: cycles.py [ROOT]

A module is the .c and the .h file of one name. The lint checks the modules of core/ and of the
plugins, within a folder and across folders.
"""

import collections
import pathlib
import sys

import source


def check(root):
    root = pathlib.Path(root)
    for name, first in (("core", root / "core"), ("plugins", None)):
        needs = _needs(root / name, first)
        while cycle := _find_cycle(needs):
            yield f"{name}: include cycle: {' -> '.join([*cycle, cycle[0]])}"
            _remove(needs, cycle)


def _needs(folder, first):
    """{module: included modules}. Paths start at `first`, or if None at the file's folder."""
    needs = collections.defaultdict(set)
    for path in source.files(folder, ".c", ".h"):
        module = _module(path, folder)
        needs[module]  # also one that includes nothing
        for _, included, quoted in source.includes(source.read_code(path)):
            target = ((first or path.parent) / included).resolve()
            if quoted and target.is_file():
                needs[module].add(_module(target, folder.resolve()))
        needs[module].discard(module)
    return needs


def _module(path, folder):
    return path.relative_to(folder).with_suffix("").as_posix()


def _find_cycle(needs):
    """The modules of one cycle, in order; none if there is none."""
    needs = {module: set(included) for module, included in needs.items()}
    while leaves := [module for module, included in needs.items() if not included]:
        _remove(needs, leaves)
    # Each module that is left includes another one that is left: a walk must come back.
    walk = []
    module = min(needs, default=None)
    while module is not None and module not in walk:
        walk.append(module)
        module = min(needs[module])
    return walk[walk.index(module) :] if walk else []


def _remove(needs, modules):
    for module in modules:
        needs.pop(module, None)
    for included in needs.values():
        included.difference_update(modules)


if __name__ == "__main__":
    sys.exit(
        source.report(
            list(check(sys.argv[1] if len(sys.argv) > 1 else source.REPOSITORY)), "cycles"
        )
    )
