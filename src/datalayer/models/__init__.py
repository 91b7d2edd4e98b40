"""Row models: one per table, reading tolerant, writing by rules declared at the field."""

from datalayer.models.appointment import Appointment
from datalayer.models.base import GENERATED, OnWrite, RowModel
from datalayer.models.booking import Booking, BookingNotification, Reminder
from datalayer.models.client import Client
from datalayer.models.columns import Phone
from datalayer.models.company import Company
from datalayer.models.crm import CompanySyncStatus, MarketplaceEvent, WebhookEvent
from datalayer.models.dialog import Action, DialogContext, Message
from datalayer.models.rules import normalise_phone
from datalayer.models.service import Service
from datalayer.models.staff import StaffMember, StaffSchedule
from datalayer.models.whatsapp import WhatsappAuth, WhatsappKey
from datalayer.models.writing import GivenRow

__all__ = [
    "GENERATED",
    "Action",
    "Appointment",
    "Booking",
    "BookingNotification",
    "Client",
    "Company",
    "CompanySyncStatus",
    "DialogContext",
    "GivenRow",
    "MarketplaceEvent",
    "Message",
    "OnWrite",
    "Phone",
    "Reminder",
    "RowModel",
    "Service",
    "StaffMember",
    "StaffSchedule",
    "WebhookEvent",
    "WhatsappAuth",
    "WhatsappKey",
    "normalise_phone",
]
