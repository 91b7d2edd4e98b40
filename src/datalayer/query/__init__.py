"""The question language: filters, order, pages and writes, without a database."""

from datalayer.query.filters import Comparison, Filter, Group, Negation, Operator, col, escape_like, where_equal
from datalayer.query.order import Order, OrderBy, asc, desc
from datalayer.query.questions import Count, Delete, Duplicates, Insert, Row, Select, Update, Upsert, Written
from datalayer.query.values import JSON_NULL, JsonNull

__all__ = [
    "JSON_NULL",
    "Comparison",
    "Count",
    "Delete",
    "Duplicates",
    "Filter",
    "Group",
    "Insert",
    "JsonNull",
    "Negation",
    "Operator",
    "Order",
    "OrderBy",
    "Row",
    "Select",
    "Update",
    "Upsert",
    "Written",
    "asc",
    "col",
    "desc",
    "escape_like",
    "where_equal",
]
