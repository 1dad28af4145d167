"""`Target`: several tables that the columns of each row are spread over."""

from typing import ClassVar

from .batch_record import BatchRecord
from .models import get_table_name
from .row_types import get_stored_type, list_row_fields


class Target:
    """Several tables for the rows of a batch; subclass it, and name their models.

    Each column of a row goes into every table that has a field of its name, so each table has one row for
    each row of the document. All are loaded in the batch's transaction, and counted when it is finalized.

    Attributes:
        models: of the tables.

    Raises:
        TypeError: when a subclass is defined: it names no models, or fields of one name take other values.

    Example:
        >>> class Orders(Target):  # doctest: +SKIP
        ...     models = (OrderRow, AddressRow)
    """

    models: ClassVar[tuple[type[BatchRecord], ...]] = ()

    def __init_subclass__(cls) -> None:
        """Refuse models that cannot share a row."""
        super().__init_subclass__()
        if not cls.models or not all(map(_is_model, cls.models)):
            raise TypeError(f"{cls.__name__}: expected models = (…), subclasses of BatchRecord")
        names = list(map(get_table_name, cls.models))
        if len(set(names)) < len(names):
            raise TypeError(f"{cls.__name__}: two of the models are of one table")
        fields = [(field, model) for model in cls.models for field in list_row_fields(model)]
        first = {field.name: (field, model) for field, model in reversed(fields)}
        for field, model in fields:
            known, owner = first[field.name]
            if get_stored_type(field) != get_stored_type(known):
                text = f"the field {field.name!r} of {model.__name__} takes other values than that"
                raise TypeError(f"{cls.__name__}: {text} of {owner.__name__}")


def list_models(target: object) -> tuple[type[BatchRecord], ...]:
    """Return the models of a target, or a model itself.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(target, type) and issubclass(target, Target) and target is not Target:
        return target.models
    if isinstance(target, type) and _is_model(target):
        return (target,)
    raise TypeError(f"expected a subclass of BatchRecord or Target, not {target!r}")


def _is_model(kind: type) -> bool:
    return issubclass(kind, BatchRecord) and kind is not BatchRecord
