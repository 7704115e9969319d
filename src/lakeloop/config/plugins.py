"""Where a declaration may name what another package brings: words, and sections with keys of the package's own.

What is wrong with a plugin is a mistake of the line that names it, as an unknown key is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, get_args, get_origin

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, SecretStr, ValidationError, create_model
from pydantic_core import PydanticCustomError, core_schema

from lakeloop.config.addresses import address_parts
from lakeloop.config.section import Section
from lakeloop.entry_points import PluginGroup, find_plugin, installed_words, load_plugin, plugin_failed
from lakeloop.errors import PluginError

PLUGIN_ERROR = "plugin"
"""Type of a mistake that says of a plugin why it cannot be used."""

_BASES = {PluginGroup.READERS: "readers.DeclaredReader", PluginGroup.CHANNELS: "channels.DeclaredChannel"}


class PluginSection(Section):
    """A section of the configuration that a package brings: the keys are its fields, and it does what they ask for.

    A key whose value is a secret is a `pydantic.SecretStr`; it is written as an environment variable only.
    """

    group: ClassVar[PluginGroup]

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may show.

        >>> class Pager(PluginSection):
        ...     number: int
        ...     token: SecretStr
        >>> Pager(number=7, token="hunter22").secrets
        ('hunter22',)
        """
        return tuple(_secrets(self))


def secret_keys(section: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    """Name the keys of a section whose values are secrets.

    Args:
        section: The section.

    Yields:
        Paths of keys.

    >>> class Pager(PluginSection):
    ...     number: int
    ...     token: SecretStr | None = None
    >>> list(secret_keys(Pager))
    [('token',)]
    """
    for name, field in section.model_fields.items():
        members = _members(field.annotation)
        key = field.alias or name
        if SecretStr in members:
            yield (key,)
        for each in members:
            if isinstance(each, type) and issubclass(each, BaseModel):
                yield from ((key, *below) for below in secret_keys(each))


def unusable(error: PluginError, key: str = "") -> PydanticCustomError:
    """Give what is wrong with a plugin as a mistake of the declaration that names it.

    Args:
        error: What is wrong.
        key: The key that names it, below the place that is judged.

    Returns:
        The mistake, for `mistakes` to write.

    >>> from lakeloop.errors import Failure
    >>> str(unusable(PluginError("length", [Failure("clash", "brought twice")], "uninstall one")))
    'clash: brought twice'
    """
    said = "; ".join(str(each) for each in error.failures)
    # In braces, pydantic would look for a value: the text is one.
    return PydanticCustomError(PLUGIN_ERROR, "{said}", {"said": said, "remedy": error.remedy, "key": key})


@dataclass(frozen=True)
class KnownWord:
    """Says of a text that it is one of lakeloop's words, or one that a package brings.

    Attributes:
        group: What it is a word for.
        built_in: Lakeloop's own words.
        find: Finds what a word stands for, and loads it where a package brings it.

    >>> from typing import Annotated
    >>> from pydantic import TypeAdapter
    >>> adapter = TypeAdapter(Annotated[str, KnownWord(PluginGroup.AGGREGATES, ("max", "mean"), str)])
    >>> adapter.validate_python("max"), adapter.json_schema()["enum"]
    ('max', ['max', 'mean'])
    """

    group: PluginGroup
    built_in: tuple[str, ...]
    find: Callable[[str], object]

    @property
    def words(self) -> tuple[str, ...]:
        """All words, those of lakeloop first."""
        return tuple(dict.fromkeys((*self.built_in, *installed_words(self.group))))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "enum": list(self.words)}

    def _check(self, word: str) -> str:
        if word not in self.words:
            quoted = [f"'{each}'" for each in self.words]
            expected = f"{', '.join(quoted[:-1])} or {quoted[-1]}"
            context = {"expected": expected, "group": self.group.value}
            raise PydanticCustomError("literal_error", "Input should be {expected}", context)
        try:
            self.find(word)
        except PluginError as error:
            raise unusable(error) from error
        return word


@dataclass(frozen=True)
class OrPlugin:
    """Says of a section that a package may bring another one, with keys of its own, for the same place.

    Attributes:
        group: What a package brings.
        own: Lakeloop's own sections for the place.
        choose: Finds the section that some data is read as; None where that is lakeloop's own.
        key: Key that names the plugin; empty where the plugin's word is itself a key.
        probe: Asks a section that a package brings all that it will be asked; what it raises is the package's mistake.
    """

    group: PluginGroup
    own: tuple[type[Section], ...]
    choose: Callable[[Mapping[Any, Any]], type[Section] | None]
    key: str = ""
    probe: Callable[[Any], object] = repr

    @property
    def words(self) -> tuple[str, ...]:
        """Words that packages bring."""
        return installed_words(self.group)

    def section_of(self, data: Any) -> type[Section] | None:
        """Find the section that some data is read as.

        Args:
            data: What is declared.

        Returns:
            The section; None where it is lakeloop's own, or what a package brings cannot be used.

        >>> OrPlugin(PluginGroup.RULES, (), lambda data: Section).section_of({"rule": "length"}) is Section
        True
        """
        try:
            return self.choose(data) if isinstance(data, Mapping) else None
        except PluginError:
            return None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        own = handler(source)
        return core_schema.no_info_wrap_validator_function(
            self._read,
            own,
            serialization=core_schema.wrap_serializer_function_ser_schema(self._write, info_arg=True, schema=own),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        own = handler(schema)
        data: list[dict[str, Any]] = [{self.key: word} if self.key else {word: {}} for word in self.words]
        brought = [each for each in map(self.section_of, data) if each is not None]
        return {"anyOf": [own, *(handler(each.__pydantic_core_schema__) for each in brought)]} if brought else own

    def _read(self, value: Any, read: Callable[[Any], Any]) -> Any:
        if self._is_brought(value):
            return value
        if not isinstance(value, Mapping):
            return read(value)
        try:
            section = self.choose(value)
        except PluginError as error:
            raise unusable(error, self._key_of(value)) from error
        return read(value) if section is None else self._read_brought(section, value)

    def _read_brought(self, section: type[Section], value: Mapping[Any, Any]) -> Section:
        try:
            found = section.model_validate(value)
            self.probe(found)
        except ValidationError:
            raise  # what is wrong with the declaration
        except Exception as failure:  # a package may raise anything
            key = self._key_of(value)
            word = str(value[self.key] if self.key else key)
            raise unusable(plugin_failed(self.group, word, failure), key) from failure
        return found

    def _key_of(self, value: Mapping[Any, Any]) -> str:
        return self.key or next((each for each in value if each in self.words), "")

    def _is_brought(self, value: Any) -> bool:
        return isinstance(value, Section) and type(value) not in self.own

    def _write(self, value: Any, write: Callable[[Any], Any], info: core_schema.SerializationInfo) -> Any:
        if not self._is_brought(value):
            return write(value)
        return value.model_dump(mode=info.mode, by_alias=info.by_alias, exclude_none=info.exclude_none)


class PluginHost(Section):
    """A section one of whose keys says what it is, where that key may be a word that a package brings."""

    plugin_word: ClassVar[str | None] = None

    @property
    def plugin(self) -> PluginSection | None:
        """What a package brings and this section declares; None where it is one of lakeloop's own kinds."""
        return None if self.plugin_word is None else getattr(self, self.plugin_word)


def choose_host(host: type[PluginHost], group: PluginGroup, data: Mapping[Any, Any]) -> type[PluginHost] | None:
    """Find the form of a section in which the word of a plugin is a key.

    Args:
        host: The section.
        group: What a package brings.
        data: What is declared.

    Returns:
        The section with the plugin's key; None where the data holds none.

    Raises:
        PluginError: If the plugin cannot be used, or its word is that of a key or of a name of the section.

    >>> choose_host(PluginHost, PluginGroup.CHANNELS, {"file": "told.jsonl"}) is None
    True
    """
    words = [each for each in data if isinstance(each, str) and each in installed_words(group)]
    if not words:
        return None
    own = {field.alias or name for name, field in host.model_fields.items()}
    plugin = find_plugin(group, words[0], own | set(dir(host)))
    return None if plugin is None else _with_plugin(host, plugin.word, load_plugin(plugin, _problem_of(group)))


def _problem_of(group: PluginGroup) -> Callable[[Any, str], str | None]:
    def problem(found: Any, word: str) -> str | None:
        _ = word
        if not isinstance(found, type) or not issubclass(found, PluginSection) or getattr(found, "group", "") != group:
            what = found.__name__ if isinstance(found, type) else type(found).__name__
            return f"it is {what}, not a class that inherits from lakeloop.plugins.{_BASES[group]}"
        return lacking(found)

    return problem


def lacking(found: type) -> str | None:
    """Say which methods a class lacks.

    >>> lacking(Section) is None
    True
    """
    absent = sorted(getattr(found, "__abstractmethods__", ()))
    return f"it lacks {', '.join(absent)}" if inspect.isabstract(found) and absent else None


@cache
def _with_plugin(host: type[PluginHost], word: str, section: type[PluginSection]) -> type[PluginHost]:
    fields: dict[str, Any] = {word: (section, ...)}
    made = create_model(host.__name__, __base__=host, __doc__=host.__doc__, __module__=host.__module__, **fields)
    made.plugin_word = word
    return made


def _secrets(section: BaseModel) -> Iterator[str]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, SecretStr):
            text = value.get_secret_value()
            yield text
            yield from address_parts(text) if "://" in text else ()
        elif isinstance(value, BaseModel):
            yield from _secrets(value)


def _members(annotation: Any) -> tuple[Any, ...]:
    inside = get_args(annotation)
    if get_origin(annotation) is None or not inside:
        return (annotation,)
    return tuple(member for each in inside for member in _members(each))
