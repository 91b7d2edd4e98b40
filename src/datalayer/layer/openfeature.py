"""Flags from an OpenFeature provider. Needs the extra ``datalayer[openfeature]``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from datalayer.errors import ConfigurationError

try:
    from openfeature.exception import ErrorCode
    from openfeature.flag_evaluation import FlagEvaluationDetails, Reason
except ModuleNotFoundError:
    raise ConfigurationError("OpenFeature's SDK is not installed: pip install 'datalayer[openfeature]'") from None

if TYPE_CHECKING:
    from openfeature.client import OpenFeatureClient
    from openfeature.evaluation_context import EvaluationContext

    from datalayer.settings import Settings

_BOOLEANS: Final = ("use_legacy_supabase", "use_repository_pattern", "enable_dual_write")
_NUMBERS: Final = ("datalayer_shadow_reads", "datalayer_cohort_share")
_TEXTS: Final = ("datalayer_cohort_companies", "datalayer_cohort_phones")
_OBJECTS: Final = ("datalayer_routes",)
#: The provider has no opinion: what is set elsewhere holds.
_SILENT: Final = frozenset({Reason.DEFAULT, Reason.DISABLED})


class OpenFeatureSource:
    """Settings whose flags a provider decides; give it to ``DataLayer.open(source=...)``.

    The flags have the names of their variables in lower case: use_legacy_supabase, use_repository_pattern,
    enable_dual_write (booleans), datalayer_shadow_reads, datalayer_cohort_share (numbers), datalayer_cohort_companies,
    datalayer_cohort_phones (text with commas) and datalayer_routes (an object). A flag that the provider does not have
    is taken from the other settings. Hostnames and secrets are never asked for.

    Args:
        client: an OpenFeature client.
        settings: makes the settings for given flags, for example ``GivenSettings``; None reads the environment.
        context: what the provider may decide by.
    """

    def __init__(
        self,
        client: OpenFeatureClient,
        settings: Callable[..., Settings] | None = None,
        context: EvaluationContext | None = None,
    ) -> None:
        self._client = client
        self._settings = settings
        self._context = context

    async def __call__(self) -> Settings:
        """Ask the provider for every flag.

        Raises:
            ConfigurationError: the provider cannot answer; it is not guessed what it would have said.
        """
        client, context = self._client, self._context
        answers: list[FlagEvaluationDetails[Any]] = [
            *[await client.get_boolean_details_async(name, False, context) for name in _BOOLEANS],
            *[await client.get_float_details_async(name, 0.0, context) for name in _NUMBERS],
            *[await client.get_string_details_async(name, "", context) for name in _TEXTS],
            *[await client.get_object_details_async(name, {}, context) for name in _OBJECTS],
        ]
        given = {answer.flag_key: answer.value for answer in answers if _speaks(answer)}
        if self._settings is not None:
            return self._settings(**given)
        from datalayer.settings import Settings as FromEnvironment

        return FromEnvironment(**given)


def _speaks(answer: FlagEvaluationDetails[Any]) -> bool:
    if answer.error_code is ErrorCode.FLAG_NOT_FOUND:
        return False
    if answer.error_code is not None or answer.reason == Reason.ERROR:
        raise ConfigurationError(
            f"the flag {answer.flag_key} cannot be read from the OpenFeature provider: {answer.error_code}",
            variables=(answer.flag_key.upper(),),
        )
    return answer.reason not in _SILENT
