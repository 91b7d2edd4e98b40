"""All repositories over one session."""

from __future__ import annotations

from typing import Any, TypeVar

from datalayer.models.rules import DEFAULT_PHONE_REGION, PHONE_REGION
from datalayer.repositories.appointments import AppointmentRepository
from datalayer.repositories.base import BaseRepository
from datalayer.repositories.bookings import BookingNotificationRepository, BookingRepository, ReminderRepository
from datalayer.repositories.clients import ClientRepository
from datalayer.repositories.companies import CompanyRepository
from datalayer.repositories.crm import CompanySyncStatusRepository, MarketplaceEventRepository, WebhookEventRepository
from datalayer.repositories.dialogs import ActionRepository, DialogContextRepository, MessageRepository
from datalayer.repositories.reads import Clock, ReadRepository, utc_now
from datalayer.repositories.services import ServiceRepository
from datalayer.repositories.staff import StaffRepository, StaffScheduleRepository
from datalayer.repositories.whatsapp import WhatsappAuthRepository, WhatsappKeyRepository
from datalayer.stores.contract import Session

RepositoryT = TypeVar("RepositoryT", bound=BaseRepository[Any])


class RepositorySet:
    """The repositories of one store or transaction; each is made at its first use and kept.

    Args:
        session: a store, or a transaction.
        phone_region: where phone numbers without a country code belong, two capital letters.
        clock: tells the present, aware.
    """

    def __init__(self, session: Session, *, phone_region: str = DEFAULT_PHONE_REGION, clock: Clock = utc_now) -> None:
        self._session = session
        self._context = {PHONE_REGION: phone_region}
        self._clock = clock
        self._made: dict[type[BaseRepository[Any]], Any] = {}

    def repository(self, kind: type[RepositoryT]) -> RepositoryT:
        """Return the repository of this class, a user's own or one of the library's.

        Raises:
            TypeError: not a class of repositories, for example the name of a table.
        """
        made = self._made.get(kind)
        if made is None:
            if not (isinstance(kind, type) and issubclass(kind, ReadRepository)):
                raise TypeError(
                    "repository() takes a class, such as NoteRepository(BaseRepository[Note]); for the library's own"
                    " tables use the properties, such as clients"
                )
            made = self._made[kind] = kind(self._session, context=self._context, clock=self._clock)
        repository: RepositoryT = made
        return repository

    @property
    def companies(self) -> CompanyRepository:
        """Salons."""
        return self.repository(CompanyRepository)

    @property
    def clients(self) -> ClientRepository:
        """Clients."""
        return self.repository(ClientRepository)

    @property
    def services(self) -> ServiceRepository:
        """Services."""
        return self.repository(ServiceRepository)

    @property
    def staff(self) -> StaffRepository:
        """Staff."""
        return self.repository(StaffRepository)

    @property
    def staff_schedules(self) -> StaffScheduleRepository:
        """Working days of staff."""
        return self.repository(StaffScheduleRepository)

    @property
    def bookings(self) -> BookingRepository:
        """Bookings."""
        return self.repository(BookingRepository)

    @property
    def booking_notifications(self) -> BookingNotificationRepository:
        """Notifications about bookings."""
        return self.repository(BookingNotificationRepository)

    @property
    def reminders(self) -> ReminderRepository:
        """Reminders of bookings."""
        return self.repository(ReminderRepository)

    @property
    def appointments(self) -> AppointmentRepository:
        """Appointments of the CRM (table appointments_cache)."""
        return self.repository(AppointmentRepository)

    @property
    def dialog_contexts(self) -> DialogContextRepository:
        """Where talks with clients stand."""
        return self.repository(DialogContextRepository)

    @property
    def messages(self) -> MessageRepository:
        """Messages to and from clients."""
        return self.repository(MessageRepository)

    @property
    def actions(self) -> ActionRepository:
        """What the receptionist did or is to do."""
        return self.repository(ActionRepository)

    @property
    def whatsapp_auth(self) -> WhatsappAuthRepository:
        """Credentials of WhatsApp sessions."""
        return self.repository(WhatsappAuthRepository)

    @property
    def whatsapp_keys(self) -> WhatsappKeyRepository:
        """Keys of WhatsApp sessions."""
        return self.repository(WhatsappKeyRepository)

    @property
    def webhook_events(self) -> WebhookEventRepository:
        """Events received from the CRM."""
        return self.repository(WebhookEventRepository)

    @property
    def marketplace_events(self) -> MarketplaceEventRepository:
        """Events received from the marketplace."""
        return self.repository(MarketplaceEventRepository)

    @property
    def company_sync_status(self) -> CompanySyncStatusRepository:
        """How synchronisations went."""
        return self.repository(CompanySyncStatusRepository)
