"""Wishes from Connectif → the newsletter field of customers in VTEX: the newest wish wins."""

from include.sync.newsletter.apply import NewsletterRules, NewsletterSync
from include.sync.newsletter.documents import documents_of
from include.sync.newsletter.events import Event

__all__ = ["Event", "NewsletterRules", "NewsletterSync", "documents_of"]
