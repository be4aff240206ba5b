"""Bringing people in from a file, with the proof of their consent, and nobody who is gone.

`run` is the import, of CSV files and Excel workbooks. Layouts: ours (`email`, `first_name`, `events`, `consented_at`,
…), Wix' contacts, Mailchimp's audience, listmonk's subscribers, Mailman's members, or any columns with a mapping.
A row becomes

- *active* if it proves consent: a readable `consented_at` that is not in the future; for Wix, a subscribed contact
  who came by a form; for Mailchimp, a confirmation with the address on the net it came from (listmonk and Mailman say
  nothing of how somebody agreed);
- *pending* if it does not: such a person may be asked once, and is never mailed as a subscriber;
- a *suppression* if they unsubscribed, complained or bounced where the file comes from, unless they have joined
  here by themselves;
- *refused* if the address cannot be written to, the row is broken, the person never subscribed, or none of the
  events it names exists (one unknown event among known ones is left out, and remarked on).
"""

from subscribers.importing.batches import run
from subscribers.importing.errors import ImportFailed
from subscribers.importing.faults import Fault, Remark
from subscribers.importing.layout import Field, is_own_field
from subscribers.importing.reading import listed
from subscribers.importing.record import in_words
from subscribers.importing.rejects import writing as writing_rejects
from subscribers.importing.report import Counts, Rejected, Report

__all__ = [
    "Counts",
    "Fault",
    "Field",
    "ImportFailed",
    "Rejected",
    "Remark",
    "Report",
    "in_words",
    "is_own_field",
    "listed",
    "run",
    "writing_rejects",
]
