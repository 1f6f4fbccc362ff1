"""The newsletter: subscriptions, unsubscriptions and bounces, and their callbacks."""

from typing import Any, Literal

from sandbox.connectif.account import Account
from sandbox.connectif.callbacks import Callbacks
from sandbox.connectif.errors import http_error, not_found
from sandbox.connectif.fields import EMAIL
from sandbox.connectif.rules_contacts import Contacts


class Newsletter:
    """Changes the newsletter status of contacts and queues the callbacks."""

    def __init__(self, account: Account, contacts: Contacts, callbacks: Callbacks) -> None:
        self._account, self._database = account, account.database
        self._contacts, self._callbacks = contacts, callbacks

    def subscribe(self, email: str, ip: str) -> None:
        """A customer fills in a sign-up form. An unknown address becomes a contact."""
        with self._database.transaction():
            self._contacts.patch(email, {"_newsletterSubscriptionStatus": "subscribed"}, origin="form")
            self.process_changes(notify=False)
        self._callbacks.queue("subscribe", self._contacts.key(email), ip)

    def unsubscribe(self, email: str, ip: str) -> None:
        """A contact follows the link in an e-mail, for the first time or again."""
        with self._database.transaction():
            self._find(email)
            self._contacts.patch(email, {"_newsletterSubscriptionStatus": "unsubscribed"})
            self._database.execute(
                "UPDATE contacts SET unsubscribed_ip = ? WHERE email = ?",
                (ip or None, self._contacts.key(email)),
            )
            self.process_changes(notify=False)
        self._callbacks.queue("cancellation", self._contacts.key(email), ip)

    def bounce(self, email: str, kind: Literal["hard", "soft", "other"], reason: str) -> None:
        """A mail server refuses an e-mail. After a hard bounce the contact gets no more e-mails."""
        row, now = self._find(email)["row"], self._account.now()
        if kind == "hard":
            change = "email_status = 'bounced', bounced_reason = ?, bounced_at = ?"
        else:
            change = "soft_bounces = soft_bounces + 1, bounced_reason = ?, soft_bounced_at = ?"
        self._database.execute(f"UPDATE contacts SET {change} WHERE row = ?", (reason, now, row))  # noqa: S608
        body = {
            "bounceErrorMessage": reason,
            "bouncestatus": "550" if kind == "hard" else "450",
            "bounceTypeId": kind,
            "workflowId": "0" * 24,
            "contentId": "0" * 24,
            "entityId": self._account.ids.of("contacts", row),
            "entityEmail": email,
        }
        self._callbacks.queue("bounce", email, body=body)

    def process_changes(self, *, notify: bool) -> None:
        """Processes the new status changes. `notify` calls the cancellation URL for unsubscriptions."""
        with self._database.transaction():
            rows = self._database.rows(
                "SELECT row, email, status FROM newsletter_changes WHERE processed = 0 ORDER BY row"
            )
            self._database.execute("UPDATE newsletter_changes SET processed = 1 WHERE processed = 0")
        for row in rows:
            if notify and row["status"] == "unsubscribed":
                self._callbacks.queue("cancellation", row["email"])

    def _find(self, email: str) -> Any:
        if not EMAIL.fullmatch(email):
            raise http_error(400, "Invalid email.")
        contact = self._contacts.find(email)
        if contact is None:
            raise not_found("Contact")
        return contact
