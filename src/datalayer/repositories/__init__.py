"""Repositories: one table's questions and writes, in the vocabulary of its model."""

from datalayer.repositories.appointments import AppointmentRepository
from datalayer.repositories.base import BaseRepository, SyncReport
from datalayer.repositories.bookings import BookingNotificationRepository, BookingRepository, ReminderRepository
from datalayer.repositories.clients import ClientRepository
from datalayer.repositories.collection import RepositorySet
from datalayer.repositories.companies import CompanyRepository
from datalayer.repositories.crm import CompanySyncStatusRepository, MarketplaceEventRepository, WebhookEventRepository
from datalayer.repositories.dialogs import ActionRepository, DialogContextRepository, MessageRepository
from datalayer.repositories.reads import Clock, ReadRepository
from datalayer.repositories.services import ServiceRepository
from datalayer.repositories.staff import StaffRepository, StaffScheduleRepository
from datalayer.repositories.whatsapp import WhatsappAuthRepository, WhatsappKeyRepository

__all__ = [
    "ActionRepository",
    "AppointmentRepository",
    "BaseRepository",
    "BookingNotificationRepository",
    "BookingRepository",
    "ClientRepository",
    "Clock",
    "CompanyRepository",
    "CompanySyncStatusRepository",
    "DialogContextRepository",
    "MarketplaceEventRepository",
    "MessageRepository",
    "ReadRepository",
    "ReminderRepository",
    "RepositorySet",
    "ServiceRepository",
    "StaffRepository",
    "StaffScheduleRepository",
    "SyncReport",
    "WebhookEventRepository",
    "WhatsappAuthRepository",
    "WhatsappKeyRepository",
]
