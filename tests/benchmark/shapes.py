"""Configurations of any size, in shapes that are hard for an engine in different ways.

The resources exist in the state only, so that the engine alone is measured: no network, no provider.
"""

LAYERS = 10


def count(kind, size):
    """One block with many instances."""
    yield f'resource "{kind}" "x" {{\n  count = {size}\n  input = "value-${{count.index}}"\n}}\n'


def blocks(kind, size):
    """Many independent blocks."""
    for index in range(size):
        yield f'resource "{kind}" "x_{index}" {{\n  input = "value-{index}"\n}}\n'


def fan(kind, size):
    """Nine of ten instances refer to one instance of a common block."""
    base = max(1, size // 10)
    yield f'resource "{kind}" "base" {{\n  count = {base}\n  input = "base-${{count.index}}"\n}}\n'
    reference = f"{kind}.base[count.index % {base}].id"
    yield f'resource "{kind}" "leaf" {{\n  count = {size - base}\n  input = "leaf-${{{reference}}}"\n}}\n'


def chain(kind, size):
    """Each block depends on the previous one."""
    for index in range(size):
        after = f"  depends_on = [{kind}.x_{index - 1}]\n" if index else ""
        yield f'resource "{kind}" "x_{index}" {{\n  input = "value-{index}"\n{after}}}\n'


def layers(kind, size):
    """Ten layers of blocks. Each refers to three blocks of the layer below, and depends on nearly all blocks below that."""
    width = max(1, size // LAYERS)
    for layer in range(LAYERS):
        for index in range(width):
            below = [f"${{{kind}.l{layer - 1}_{(3 * index + step) % width}.id}}" for step in range(3) if layer]
            text = "-".join([f"value-{index}", *below])
            yield f'resource "{kind}" "l{layer}_{index}" {{\n  input = "{text}"\n}}\n'


SHAPES = {shape.__name__: shape for shape in (count, blocks, fan, chain, layers)}
