"""Writes subscription changes from Connectif to the newsletter field of customers in VTEX."""

from include.newsletter.apply import NewsletterRules, NewsletterSync
from include.newsletter.documents import find_documents
from include.newsletter.events import Event

__all__ = ["Event", "NewsletterRules", "NewsletterSync", "find_documents"]
