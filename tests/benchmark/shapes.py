"""Configurations of any size, each in a shape that engines find hard in a way of its own.

The resources are values kept in the state, so that nothing is measured but the engine: no network, no provider.
"""

LAYERS = 10


def count(kind, size):
    """One block of many instances."""
    yield f'resource "{kind}" "x" {{\n  count = {size}\n  input = "value-${{count.index}}"\n}}\n'


def blocks(kind, size):
    """Many blocks that know nothing of each other."""
    for index in range(size):
        yield f'resource "{kind}" "x_{index}" {{\n  input = "value-{index}"\n}}\n'


def fan(kind, size):
    """Nine instances in ten refer to one of the others each, of one block."""
    base = max(1, size // 10)
    yield f'resource "{kind}" "base" {{\n  count = {base}\n  input = "base-${{count.index}}"\n}}\n'
    reference = f"{kind}.base[count.index % {base}].id"
    yield f'resource "{kind}" "leaf" {{\n  count = {size - base}\n  input = "leaf-${{{reference}}}"\n}}\n'


def chain(kind, size):
    """Each block waits for the one before it."""
    for index in range(size):
        after = f"  depends_on = [{kind}.x_{index - 1}]\n" if index else ""
        yield f'resource "{kind}" "x_{index}" {{\n  input = "value-{index}"\n{after}}}\n'


def layers(kind, size):
    """Ten layers of blocks, each of which refers to three of the layer below, and so depends on nearly all below that."""
    width = max(1, size // LAYERS)
    for layer in range(LAYERS):
        for index in range(width):
            below = [f"${{{kind}.l{layer - 1}_{(3 * index + step) % width}.id}}" for step in range(3) if layer]
            text = "-".join([f"value-{index}", *below])
            yield f'resource "{kind}" "l{layer}_{index}" {{\n  input = "{text}"\n}}\n'


SHAPES = {shape.__name__: shape for shape in (count, blocks, fan, chain, layers)}
