"""Subscription changes from Connectif → the newsletter field of customers in VTEX: the newest subscription change wins."""

from include.newsletter.apply import NewsletterRules, NewsletterSync
from include.newsletter.documents import documents_of
from include.newsletter.events import Event

__all__ = ["Event", "NewsletterRules", "NewsletterSync", "documents_of"]
