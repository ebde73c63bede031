"""What a directory is wanted to hold: drawn, changed a little at a time, and written as a configuration."""

import dataclasses
import json

KEYS = "abcdefgh"


@dataclasses.dataclass
class Data:
    """A kept value. A new `trigger` makes another of it."""

    text: str
    trigger: str


@dataclasses.dataclass
class File:
    """A file on disk. A new `generation` is another path, and so another file."""

    text: str
    generation: int


class Wishes:
    """Kept values and files of every life: counted, by key, replaced before and after their predecessors are gone."""

    def __init__(self, chance):
        self.chance = chance
        self.serial = 0
        self.counted = []
        self.data = {}
        self.files = {}
        self.first = Data("one", "one")
        self.first_file = File("one", 0)
        for _ in range(4):
            self.change()

    def change(self):
        """Makes, changes, replaces and drops some of it."""
        for _ in range(self.chance.randint(1, 6)):
            self.chance.choice(
                [self._count, self._make, self._make, self._edit, self._edit, self._replace, self._drop, self._first]
            )()

    def empty(self):
        """Wants nothing any more."""
        self.counted, self.data, self.files, self.first, self.first_file = [], {}, {}, None, None

    def _text(self):
        self.serial += 1
        return f"{self.serial}-" + "x" * self.chance.choice([0, 0, 10, 3000])

    def _count(self):
        self.counted = [self._text() for _ in range(self.chance.randint(0, 5))]

    def _make(self):
        key = self.chance.choice(KEYS)
        self.data.setdefault(key, Data(self._text(), self._text()))
        self.files.setdefault(key, File(self._text(), 0))

    def _edit(self):
        for held in self._some(self.data), self._some(self.files):
            if held:
                held.text = self._text()

    def _replace(self):
        data, file = self._some(self.data), self._some(self.files)
        if data:
            data.trigger = self._text()
        if file:
            file.generation += 1

    def _drop(self):
        for held in self.data, self.files:
            if held:
                del held[self.chance.choice(sorted(held))]

    def _first(self):
        self.first = self.first or Data("one", "one")
        self.first_file = self.first_file or File("one", 0)
        self.first.trigger = self._text()
        self.first_file.generation += 1

    def _some(self, held):
        return held[self.chance.choice(sorted(held))] if held else None

    def written(self, backend=""):
        """The configuration."""
        data = {key: {"text": it.text, "trigger": it.trigger} for key, it in self.data.items()}
        files = {key: {"text": it.text, "name": _name(key, it)} for key, it in self.files.items()}
        text = f"""{backend}
resource "ha_data" "counted" {{
  count = {len(self.counted)}
  input = {json.dumps(self.counted)}[count.index]
}}
resource "ha_data" "each" {{
  for_each         = {json.dumps(data)}
  input            = each.value.text
  triggers_replace = each.value.trigger
}}
resource "local_file" "each" {{
  for_each = {json.dumps(files)}
  filename = each.value.name
  content  = each.value.text
}}
"""
        if self.first:
            text += f"""
resource "ha_data" "first" {{
  input            = {json.dumps(self.first.text)}
  triggers_replace = {json.dumps(self.first.trigger)}
  lifecycle {{
    create_before_destroy = true
  }}
}}
resource "local_file" "first" {{
  filename = {json.dumps(_name("first", self.first_file))}
  content  = "made for ${{ha_data.first.id}}"
  lifecycle {{
    create_before_destroy = true
  }}
}}
"""
        return text

    def arguments(self):
        """The argument that tells each instance's content, by address; none where it is known after apply."""
        wanted = {f"ha_data.counted[{index}]": text for index, text in enumerate(self.counted)}
        wanted |= {f'ha_data.each["{key}"]': it.text for key, it in self.data.items()}
        wanted |= {f'local_file.each["{key}"]': it.text for key, it in self.files.items()}
        if self.first:
            wanted |= {"ha_data.first": self.first.text, "local_file.first": None}
        return wanted

    def identities(self):
        """What makes an instance another one when it changes, by address."""
        kept = {f"ha_data.counted[{index}]": "" for index in range(len(self.counted))}
        kept |= {f'ha_data.each["{key}"]': it.trigger for key, it in self.data.items()}
        kept |= {f'local_file.each["{key}"]': _name(key, it) for key, it in self.files.items()}
        if self.first:
            kept |= {"ha_data.first": self.first.trigger, "local_file.first": _name("first", self.first_file)}
        return kept


def _name(key, file):
    return f"out/{key}-{file.generation}"
