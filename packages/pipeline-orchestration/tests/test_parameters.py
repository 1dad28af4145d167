"""Parameters of a definition: the places they come from, their errors, and secrets."""

import base64
import json
import pickle
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypedDict

import pytest
from pydantic import (
    BaseModel,
    Field,
    RootModel,
    SecretBytes,
    SecretStr,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineConfig, PipelineDefinition, PipelineRunner, UsageError, diagnose
from pipeline_orchestration.engines.processes.credentials import (
    export_secrets,
    get_secret_variables,
    restore_secrets,
    strip_secrets,
)
from pipeline_orchestration.engines.processes.serialization import dump_spec, load_job_loop
from pipeline_orchestration.execution.run_spec import RunSpec
from pipeline_orchestration.settings.sources import FoundValue

SECRET = "hunter2-is-secret"
SINCE = "give it by --param since=…, PIPELINE_PARAM_SINCE or the table params of a settings file"
MISPLACED = "a secret comes from the environment only: set PIPELINE_PARAM_TOKEN and remove it from here"


class Window(BaseModel):
    days: int = 7


class OrderParams(BaseModel):
    region: Literal["eu", "us"] = "eu"
    since: date
    limit: int = Field(100, gt=0, description="orders per page")
    tags: list[str] = []
    window: Window = Window()
    token: SecretStr


class Shop(BaseModel):
    url: str
    key: SecretStr


@dataclass(frozen=True, slots=True)
class Nested:
    shop: Shop | None = None
    raw: SecretBytes | None = None
    note: str = ""


class Echo(BaseJob[object, object]):
    def __init__(self, params):
        self.params = params

    def validate_input(self, value):
        return value

    def single_job(self, value):
        return self.params


def define(kind):
    return PipelineDefinition("orders", params=kind).add_job("echo", lambda run: Echo(run.params))


def option(**texts):
    """Parameters as the command line gives them."""
    return {name: FoundValue(text, "option --param") for name, text in texts.items()}


def fail(kind, given=None):
    with pytest.raises(UsageError) as caught:
        define(kind).fill_parameters(given)
    assert "usage.params" == caught.value.code
    assert SECRET not in "".join(
        [str(caught.value), repr(caught.value.__cause__), repr(caught.value.__context__)]
    )
    return str(caught.value)


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv("PIPELINE_PARAM_TOKEN", SECRET)


def test_a_value_comes_from_the_place_with_the_highest_rank(folder, token, monkeypatch):
    """Each parameter on its own."""
    Path("pyproject.toml").write_text(
        '[tool.pipeline]\nencoding = "latin-1"\n'
        '[tool.pipeline.params]\nsince = 2026-01-01\nlimit = 1\nregion = "us"\ntags = ["file"]\n'
    )
    Path("pipeline.toml").write_text("[params]\nlimit = 2\n")
    monkeypatch.setenv("PIPELINE_PARAM_TAGS", '["a", "b"]')
    monkeypatch.setenv("PIPELINE_PARAM_REGION", "")

    filled = define(OrderParams).fill_parameters(option(since="2026-02-03", window='{"days": 1}'))

    assert (
        OrderParams(
            region="us",
            since=date(2026, 2, 3),
            limit=2,
            tags=["a", "b"],
            window=Window(days=1),
            token=SecretStr(SECRET),
        )
        == filled
    )
    assert "iso8859-1" == PipelineConfig.load().encoding


def test_factories_get_the_instance(token):
    runner = PipelineRunner(pipeline=define(OrderParams), params={"since": "2026-01-01"}, engine="local")

    first, second = runner.run("x").output, runner.run("x").output

    assert (date(2026, 1, 1), SECRET) == (first.since, first.token.get_secret_value())
    assert first == second
    assert first is not second  # a default may be a date


def test_without_a_class_there_are_none(folder):
    """The table of a settings file may be that of another definition in the folder."""
    Path("pipeline.toml").write_text("[params]\nlimit = 2\n")
    pipeline = PipelineDefinition("plain").add_job("echo", lambda run: Echo(run.params))

    assert None is PipelineRunner(pipeline=pipeline, engine="local").run("x").output
    with pytest.raises(UsageError) as caught:
        PipelineRunner(pipeline=pipeline, params={"limit": SECRET}, engine="local").run("x")
    assert ("usage.params", "pipeline 'plain' declares no parameters, and is given limit") == (
        caught.value.code,
        str(caught.value),
    )


def test_an_instance_is_taken_as_it_is():
    given = OrderParams(since=date(2026, 1, 1), token=SECRET)

    assert given is define(OrderParams).fill_parameters(given)
    assert "params is a value of type Nested, expected a mapping or an instance of OrderParams" == fail(
        OrderParams, Nested()
    )


def test_everything_that_is_wrong_is_named_at_once(folder, monkeypatch):
    Path("pipeline.toml").write_text(f'[params]\nregoin = "eu"\ntoken = "{SECRET}"\n')
    monkeypatch.setenv("PIPELINE_PARAM_LIMIT", "0")
    monkeypatch.setenv("PIPELINE_PARAM_UNKNOWN", "ignored")

    texts = fail(OrderParams, option(tags='["a", 2]', window="[1", tokn=SECRET) | {"color": 1}).split("; ")

    assert [
        f"token (pipeline.toml): {MISPLACED}",
        "regoin (pipeline.toml): unknown parameter, did you mean 'region'?",
        "tokn (option --param): unknown parameter, did you mean 'token'?",
        "color (argument): unknown parameter, there are region, since, limit, tags, window, token",
        "limit (environment variable PIPELINE_PARAM_LIMIT): input should be greater than 0, got '0'",
        f"since: missing, {SINCE}",
        "tags.1 (option --param): input should be a valid string, got 2",
        "window (option --param): input should be a valid dictionary or instance of Window as JSON, got '[1'",
    ] == texts


def test_of_very_many_faults_some_are_named(token):
    many = fail(OrderParams, {"since": "2026-01-01", "tags": list(range(100))})

    assert 10 == many.count("input should be a valid string")
    assert many.endswith("; and 90 more")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (str, "5", "5"),
        (str, '["a"]', '["a"]'),
        (int | None, "null", None),
        (int, "5", 5),
        (bool, "yes", True),
        (list[int], "[1, 2]", [1, 2]),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (date, "2026-01-01", date(2026, 1, 1)),
        (Path, "a/b", Path("a/b")),
    ],
)
def test_text_that_does_not_fit_is_read_as_json(kind, text, value):
    params = type("Params", (BaseModel,), {"__annotations__": {"x": kind}, "__module__": __name__})

    assert value == define(params).fill_parameters(option(x=text)).x


@pytest.mark.parametrize("given", [{"token": "x"}, {"token": SecretStr("x")}])
def test_a_program_may_give_a_secret(given):
    """It may come from a vault. An option is seen by every user of the machine."""
    filled = define(OrderParams).fill_parameters({"since": "2026-01-01"} | given)

    assert "x" == filled.token.get_secret_value()


def test_a_misplaced_secret_is_refused_even_if_the_environment_has_it(token):
    message = fail(OrderParams, option(since="2026-01-01", token=SECRET))

    assert f"token (option --param): {MISPLACED}" == message


class Validated(BaseModel):
    """Validators whose messages repeat what they refuse."""

    mode: str = ""
    token: SecretStr = SecretStr("")
    shop: Shop | None = None

    @field_validator("token")
    @classmethod
    def check(cls, value):
        if value.get_secret_value():
            raise ValueError(f"{value.get_secret_value()!r} is no token")
        return value

    @model_validator(mode="before")
    @classmethod
    def check_all(cls, values):
        if values.get("mode") == "bug":
            raise KeyError(values)
        if values.get("mode") == "all":
            raise ValueError(f"all of {values} are wrong")
        return values


HIDDEN = "refused, for a reason that is not shown because it quotes a secret"


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("", f"token (environment variable PIPELINE_PARAM_TOKEN): {HIDDEN}"),
        ("all", f"all together: {HIDDEN}"),
        ("bug", f"all together: {HIDDEN}"),
    ],
)
@pytest.mark.parametrize("secret", [SECRET, "a'b\\c\n", "x"])
def test_a_message_that_quotes_a_secret_is_not_shown(monkeypatch, mode, message, secret):
    monkeypatch.setenv("PIPELINE_PARAM_TOKEN", secret)

    assert message == fail(Validated, {"mode": mode})


class Moving(BaseModel):
    """A validator that puts the token where it does not belong."""

    n: int | dict[str, int] = 0
    day: date | None = None
    token: SecretStr

    @model_validator(mode="before")
    @classmethod
    def move(cls, values):
        token = values.get("token")
        if values.get("n") == "value":
            return values | {"day": {"t": token}}
        if values.get("n") == "long value":
            return values | {"day": [100 * "x" + token]}
        if values.get("n") == "key":
            return values | {"n": {token: "x"}}
        return values


@pytest.mark.parametrize("how", ["value", "long value", "key"])
def test_a_value_or_a_name_that_holds_a_secret_is_not_shown(monkeypatch, how):
    monkeypatch.setenv("PIPELINE_PARAM_TOKEN", SECRET)

    message = fail(Moving, {"n": how})

    assert HIDDEN in message
    assert SECRET not in message


@pytest.mark.parametrize("given", [f"{SECRET}\n", json.dumps([f" {SECRET} "]), json.dumps({"a": SECRET})])
def test_a_message_that_quotes_a_secret_otherwise_than_it_is_given_is_not_shown(monkeypatch, given):
    class Params(BaseModel):
        token: SecretStr | list[SecretStr] | dict[str, SecretStr]

        @model_validator(mode="before")
        @classmethod
        def check(cls, values):
            raise ValueError(f"{SECRET!r} is no token")

    monkeypatch.setenv("PIPELINE_PARAM_TOKEN", given)

    assert f"all together: {HIDDEN}" == fail(Params)


class ShopWithDefault(BaseModel):
    key: SecretStr = Field(default_factory=lambda: SecretStr(SECRET))


class DefaultShop(BaseModel):
    shop: ShopWithDefault = ShopWithDefault()
    limit: int = 0
    n: int = 0

    @model_validator(mode="after")
    def check(self):
        raise ValueError(f"{self.shop.key.get_secret_value()} is no key")

    @field_validator("limit", mode="before")
    @classmethod
    def move(cls, value, info):
        return {"t": info.data["shop"].key.get_secret_value()} if value == "move" else value


@dataclass
class DefaultToken:
    token: SecretStr = field(default_factory=lambda: SecretStr(SECRET))

    def __post_init__(self):
        raise KeyError(self.token.get_secret_value())


@pytest.mark.parametrize("kind", [DefaultShop, DefaultToken])
def test_no_message_of_a_class_is_shown_if_a_secret_comes_from_a_default(kind):
    """What a default factory returns is not known: it is called for each instance."""
    may_quote = "refused, for a reason that is not shown because it may quote a secret"

    assert f"all together: {may_quote}" == fail(kind)


def test_of_a_class_with_a_secret_default_only_what_is_given_is_shown():
    moved = fail(DefaultShop, {"limit": "move", "n": "x"})

    assert (
        "limit (argument): input should be a valid integer; "
        "n (argument): input should be a valid integer, unable to parse string as an integer, got 'x'"
    ) == moved


def test_a_nested_secret_is_not_quoted(monkeypatch):
    """Pydantic's errors have the whole value as their input."""
    monkeypatch.setenv("PIPELINE_PARAM_SHOP", json.dumps({"key": SECRET, "ulr": SECRET}))

    assert "shop (environment variable PIPELINE_PARAM_SHOP): field required" == fail(Validated)


def test_the_words_of_a_validator_are_shown():
    class Params(BaseModel):
        since: int
        until: int

        @model_validator(mode="after")
        def check(self):
            if self.since > self.until:
                raise ValueError("since is later than until")
            return self

    assert "all together: since is later than until" == fail(Params, {"since": 2, "until": 1})


def test_a_whole_parameter_is_secret_if_its_type_contains_a_secret(monkeypatch):
    """Optional, in a model, as bytes: it comes from the environment, as JSON where text does not fit."""
    monkeypatch.setenv("PIPELINE_PARAM_SHOP", json.dumps({"url": "u", "key": SECRET}))
    monkeypatch.setenv("PIPELINE_PARAM_RAW", SECRET)
    definition = define(Nested)

    filled = definition.fill_parameters(option(note="n"))

    assert (SECRET, SECRET.encode()) == (filled.shop.key.get_secret_value(), filled.raw.get_secret_value())
    assert {"note": "n"} == definition.parameters.show(filled)
    assert ["note=n"] == definition.parameters.list_arguments(filled)
    assert ["note"] == list(definition.parameters.schema.make_form()["properties"])
    assert fail(Nested, option(shop=SECRET)).startswith("shop (option --param): a secret comes from the")


class Node(BaseModel):
    next: "Node | None" = None
    key: Annotated[SecretStr, WithJsonSchema({"type": "string"})] = SecretStr("")


class Typed(TypedDict):
    key: SecretStr


class Named(NamedTuple):
    key: SecretStr


@dataclass
class Inner:
    key: Annotated[SecretBytes, WithJsonSchema({"type": "string"})]


type Alias = Annotated[SecretStr, WithJsonSchema({"type": "string"})]


class Overridden(BaseModel):
    """Secrets whose JSON schema does not say so."""

    a: Annotated[SecretStr, WithJsonSchema({"type": "string"})] = SecretStr("")
    b: SecretStr = Field(SecretStr(""), json_schema_extra={"writeOnly": False})
    c: str | SkipJsonSchema[SecretStr] = ""
    d: Annotated[list[Node], WithJsonSchema({"type": "array"})] = []
    e: Annotated[Typed | None, WithJsonSchema({"type": "object"})] = None
    f: Annotated[Named | None, WithJsonSchema({"type": "array"})] = None
    g: dict[str, Inner] = {}
    h: Alias = Field(SecretStr(""), alias="pageKey")
    plain: str = ""


def test_a_secret_is_recognized_by_its_type_whatever_its_schema_says():
    parameters = define(Overridden).parameters

    assert ["plain"] == [each.name for each in parameters.schema.parameters if not each.is_secret]
    assert not parameters.schema.has_secret_default


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Described:
    page: Annotated[int, Field(gt=0, alias="pageSize", description="rows")] = 5
    colour: Colour = Colour.RED
    days: list[date] = field(default_factory=list)
    ratio: float | None = None
    where: Window = field(default_factory=Window)
    path: Path = Path("data")
    key: SecretStr | None = None


def test_parameters_are_described_by_their_class():
    """An alias is the name under which Pydantic takes a value, and so do we."""
    found = [
        (each.name, each.type_name, each.default, each.variable, each.description)
        for each in define(Described).parameters.schema.parameters
    ]

    assert [
        ("pageSize", "integer", "5", "PIPELINE_PARAM_PAGESIZE", "rows"),
        ("colour", "red|blue", "red", "PIPELINE_PARAM_COLOUR", ""),
        ("days", "list of date", "computed", "PIPELINE_PARAM_DAYS", ""),
        ("ratio", "number or none", "none", "PIPELINE_PARAM_RATIO", ""),
        ("where", "Window", "computed", "PIPELINE_PARAM_WHERE", ""),
        ("path", "path", "data", "PIPELINE_PARAM_PATH", ""),
        ("key", "secret", "none", "PIPELINE_PARAM_KEY", ""),
    ] == found
    assert 7 == define(Described).fill_parameters(option(pageSize="7")).page
    assert fail(Described, option(page="7")).startswith("page (option --param): unknown parameter, ")


class Unusable(BaseModel):
    call: type


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (dict, "params is dict, expected a class: a pydantic model or a dataclass"),
        (Window(), "params is a value of type Window, expected a class: a pydantic model or a dataclass"),
        (RootModel[int], "params is RootModel[int], expected a class: a pydantic model or a dataclass"),
        (Unusable, "params Unusable cannot be used: Cannot generate a JsonSchema for "),
    ],
)
def test_another_class_is_refused_with_the_definition(kind, message):
    with pytest.raises(UsageError) as caught:
        define(kind)

    assert "usage.params" == caught.value.code
    assert str(caught.value).startswith(message)


class Tree(BaseModel):
    name: str = "root"
    left: "Tree | None" = None


def test_a_class_may_refer_to_itself():
    assert "b" == define(Tree).fill_parameters(option(left='{"name": "b"}')).left.name


class Stateful(BaseModel):
    """What is made a second time would differ, or fail."""

    token: SecretStr
    tags: list[str]

    @field_validator("token")
    @classmethod
    def make_bearer(cls, value):
        return SecretStr(f"Bearer {value.get_secret_value()}")

    @field_validator("tags", mode="before")
    @classmethod
    def split(cls, value):
        return value.split(",")

    @cached_property
    def header(self):
        return self.token.get_secret_value()


@pytest.fixture
def spec(folder, token):
    definition = define(Stateful)
    params = definition.fill_parameters({"tags": "a,b"})
    assert f"Bearer {SECRET}" == params.header
    return RunSpec(pipeline=definition, config=PipelineConfig(), params=params)


def test_a_worker_has_the_same_parameters_and_is_sent_no_secret(spec, monkeypatch):
    """The processes that we start have the secrets in their environment, validated as they are."""
    packed = dump_spec(spec)
    monkeypatch.delenv("PIPELINE_PARAM_TOKEN")
    load_job_loop.cache_clear()

    with export_secrets(spec):
        received = load_job_loop(packed).context.params

    assert SECRET.encode() not in packed
    assert (["a", "b"], f"Bearer {SECRET}") == (received.tags, received.header)
    assert SECRET == spec.params.token.get_secret_value().removeprefix("Bearer ")  # the copy was stripped
    (variable,) = get_secret_variables(spec).values()
    assert ["token"] == list(pickle.loads(base64.b64decode(variable)))


@dataclass(frozen=True, slots=True)
class Frozen:
    token: SecretStr
    days: int = 7


@pytest.fixture
def stripped(folder):
    parameters = define(Frozen).parameters
    return parameters, *strip_secrets(Frozen(SecretStr(SECRET), 8))


def test_a_worker_of_a_cluster_takes_a_secret_from_its_own_environment(stripped, monkeypatch):
    monkeypatch.setenv("PIPELINE_PARAM_TOKEN", "of the cluster")

    assert Frozen(SecretStr("of the cluster"), 8) == restore_secrets(*stripped)


def test_a_worker_without_the_secret_says_so(stripped):
    assert (Frozen(None, 8), ("token",)) == stripped[1:]
    with pytest.raises(UsageError) as caught:
        restore_secrets(*stripped)
    assert ("usage.params", "token: missing on this worker; set PIPELINE_PARAM_TOKEN in its environment") == (
        caught.value.code,
        str(caught.value),
    )


DEFINED = """
from datetime import date
from pydantic import BaseModel, SecretStr
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class Params(BaseModel):
    since: date
    token: SecretStr

pipeline = PipelineDefinition("own", params=Params)
"""


def test_diagnostics_say_whether_the_parameters_can_be_filled(folder, token):
    Path("own.py").write_text(DEFINED)
    Path("bad.py").write_text("pipeline = 1")

    def find(what, **arguments):
        return [
            (each.found, each.error and str(each.error))
            for each in diagnose(db_path="p.db", engine="local", **arguments)
            if each.what == what
        ]

    places = "since (argument), token (environment variable PIPELINE_PARAM_TOKEN)"
    assert [] == find("parameters")
    assert [(places, None)] == find("parameters", pipeline="own.py:pipeline", params={"since": "2026-01-01"})
    assert [("invalid", f"since: missing, {SINCE}")] == find("parameters", pipeline="own.py:pipeline")
    assert [("invalid", "pipeline 'text' declares no parameters, and is given x")] == find(
        "parameters", params={"x": 1}
    )
    assert [("cannot be loaded", "bad.py:pipeline: pipeline is not a PipelineDefinition")] == find(
        "pipeline", pipeline="bad.py:pipeline"
    )
