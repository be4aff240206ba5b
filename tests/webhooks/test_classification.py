import pytest

from webhooks.classification import Reading, classify
from webhooks.events import BounceClass, Reason

HARD, SOFT, BLOCK = BounceClass.HARD, BounceClass.SOFT, BounceClass.BLOCK

REPLIES = [
    # Google
    (
        "5.1.1",
        "550-5.1.1 The email account that you tried to reach does\n550-5.1.1 not exist. http://support.google.com/?p=NoSuchUser",
        HARD,
        Reason.NO_SUCH_USER,
    ),
    ("5.2.1", "550 5.2.1 The email account that you tried to reach is disabled.", HARD, Reason.MAILBOX_DISABLED),
    ("4.2.2", "452-4.2.2 The email account that you tried to reach is over quota", SOFT, Reason.MAILBOX_FULL),
    ("5.2.2", "552-5.2.2 The recipient's inbox is out of storage space.", SOFT, Reason.MAILBOX_FULL),
    (
        "4.2.1",
        "450-4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages",
        SOFT,
        Reason.RATE_LIMITED,
    ),
    ("5.7.26", "550-5.7.26 This mail is unauthenticated, which poses a security risk", BLOCK, Reason.AUTHENTICATION),
    (
        "5.7.1",
        "550-5.7.1 [192.0.2.1] Our system has detected that this message is likely unsolicited mail.",
        BLOCK,
        Reason.CONTENT,
    ),
    ("5.7.25", "550-5.7.25 The IP address does not have a PTR record", BLOCK, Reason.AUTHENTICATION),
    (
        "",
        "The recipient server did not accept our requests to connect. [(0) x.example. socket error]",
        SOFT,
        Reason.NETWORK,
    ),
    # Microsoft
    (
        "5.4.1",
        "550 5.4.1 Recipient address rejected: Access denied. AS(201806281) [x.prod.protection.outlook.com]",
        HARD,
        Reason.NO_SUCH_USER,
    ),
    (
        "5.1.10",
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP lookup",
        HARD,
        Reason.NO_SUCH_USER,
    ),
    ("5.5.0", "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).", HARD, Reason.NO_SUCH_USER),
    ("5.7.606", "550 5.7.606 Access denied, banned sending IP [192.0.2.1]", BLOCK, Reason.REPUTATION),
    ("5.7.1", "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. (S3140).", BLOCK, Reason.REPUTATION),
    (
        "5.7.509",
        "550 5.7.509 Access denied, sending domain does not pass DMARC verification",
        BLOCK,
        Reason.AUTHENTICATION,
    ),
    ("5.7.133", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; not accepted", BLOCK, Reason.POLICY),
    ("5.2.3", "550 5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient", BLOCK, Reason.TOO_BIG),
    ("5.4.310", "550 5.4.310 DNS domain no.example does not exist", HARD, Reason.NO_SUCH_DOMAIN),
    ("5.7.57", "530 5.7.57 Client not authenticated to send mail", BLOCK, Reason.RELAY_DENIED),
    # Yahoo
    (
        "",
        "554 delivery error: dd This user doesn't have a yahoo.com account (x@yahoo.com) [0]",
        HARD,
        Reason.NO_SUCH_USER,
    ),
    (
        "",
        "554 30 Sorry, your message cannot be delivered. This mailbox is disabled (554.30).",
        HARD,
        Reason.MAILBOX_DISABLED,
    ),
    (
        "4.7.0",
        "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints",
        BLOCK,
        Reason.REPUTATION,
    ),
    # Postfix, Exim, Sendmail, qmail, Dovecot
    (
        "5.1.1",
        "550 5.1.1 <x@y.example>: Recipient address rejected: User unknown in virtual mailbox table",
        HARD,
        Reason.NO_SUCH_USER,
    ),
    (
        "4.1.1",
        "450 4.1.1 <x@y.example>: Recipient address rejected: unverified address: unknown user",
        SOFT,
        Reason.NO_SUCH_USER,
    ),
    (
        "5.4.4",
        "Host or domain name not found. Name service error for name=no.example type=AAAA: Host not found",
        HARD,
        Reason.NO_SUCH_DOMAIN,
    ),
    (
        "4.4.3",
        "Host or domain name not found. Name service error for name=x type=MX: Host not found, try again",
        SOFT,
        Reason.NETWORK,
    ),
    ("4.4.1", "connect to mx.y.example[192.0.2.9]:25: Connection timed out", SOFT, Reason.NETWORK),
    (
        "5.7.1",
        "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
        BLOCK,
        Reason.REPUTATION,
    ),
    ("5.7.1", "554 5.7.1 <x@y.example>: Relay access denied", BLOCK, Reason.RELAY_DENIED),
    (
        "4.2.0",
        "450 4.2.0 <x@y.example>: Recipient address rejected: Greylisted, see http://postgrey.example/",
        SOFT,
        Reason.GREYLISTED,
    ),
    ("5.2.2", "<x@y.example> Quota exceeded (mailbox for user is full)", SOFT, Reason.MAILBOX_FULL),
    ("5.3.4", "552 5.3.4 Message size exceeds fixed maximum message size", BLOCK, Reason.TOO_BIG),
    ("", "550 Unrouteable address", HARD, Reason.NO_SUCH_USER),
    ("", "retry timeout exceeded", SOFT, Reason.EXPIRED),
    ("", "550 Sender verify failed", BLOCK, Reason.POLICY),
    ("5.1.8", "553 5.1.8 <a@b.example>... Domain of sender address a@b.example does not exist", BLOCK, Reason.POLICY),
    ("", "Sorry, no mailbox here by that name. (#5.1.1)", HARD, Reason.NO_SUCH_USER),
    ("", "Sorry, I couldn't find any host named no.example. (#5.1.2)", HARD, Reason.NO_SUCH_DOMAIN),
    ("", "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", BLOCK, Reason.RELAY_DENIED),
    ("5.4.6", "554 5.4.6 Too many hops", SOFT, Reason.SYSTEM),
    ("", "556 5.1.10 Recipient domain does not accept mail (nullMX)", HARD, Reason.NO_SUCH_DOMAIN),
    (
        "",
        "550-Verification failed for <news@b.example>\n550-No Such User Here\n550 Sender verify failed",
        BLOCK,
        Reason.POLICY,
    ),
    ("", "550-No Such User Here", HARD, Reason.NO_SUCH_USER),
    ("", "551 not our user", HARD, Reason.NO_SUCH_USER),
    ("", "550 #5.1.0 Address rejected x@y.example", HARD, Reason.NO_SUCH_USER),
    ("5.1.6", "550 5.1.6 address x@y.example has been replaced by z@y.example", HARD, Reason.MOVED),
    ("", "550 5.7.1 Message content rejected, UBE, id=00000-00-000", BLOCK, Reason.CONTENT),
    ("", "450 4.7.1 <mx.b.example>: Client host rejected: cannot find your hostname", BLOCK, Reason.AUTHENTICATION),
    (
        "",
        "451 4.7.650 The mail server has been temporarily rate limited due to IP reputation.",
        BLOCK,
        Reason.REPUTATION,
    ),
    ("", "452 4.3.2 Connection rate limit exceeded.", SOFT, Reason.RATE_LIMITED),
    ("", "DNS type 'mx' lookup of no.example responded with code NXDOMAIN", HARD, Reason.NO_SUCH_DOMAIN),
    ("", "DNS type 'mx' lookup of y.example responded with code SERVFAIL", SOFT, Reason.NETWORK),
    ("", "550 5.0.0 Mail system full", SOFT, Reason.SYSTEM),
    ("", "host mx.y.example[192.0.2.9] said: 550 mailbox not found", HARD, Reason.NO_SUCH_USER),
    ("", "Name service error for domain no.example: Host not found, try again", SOFT, Reason.NETWORK),
    ("", "554 Too many hops 26 (25 max): from a@b.example\n----- Message header follows -----", SOFT, Reason.SYSTEM),
    ("", "554 Message looping (received 6 times)", SOFT, Reason.SYSTEM),
    ("", "550 unknown user\nIncluded is a copy of the message header:", HARD, Reason.NO_SUCH_USER),
    ("", "550 Message header is malformed", BLOCK, Reason.CONTENT),
    ("", "User mailbox exceeds allowed size: a@b.example", SOFT, Reason.MAILBOX_FULL),
    ("5.0.0", "550 BAD_RECIPIENT - see http://www.b.example/undelivered?r=BAD_RECIPIENT", HARD, Reason.NO_SUCH_USER),
    ("", "all hosts have been failing for a long time", SOFT, Reason.EXPIRED),
    ("", "Invalid final delivery userid: x@b.example", HARD, Reason.NO_SUCH_USER),
    ("", "Delivery failed 20 attempts: x@b.example", SOFT, Reason.EXPIRED),
    ("", "failed because it has not been collected after 30 days", SOFT, Reason.EXPIRED),
    ("", "host b.example[192.0.2.9]: connection to mail exchanger failed", SOFT, Reason.NETWORK),
    ("", "Routing: Could not find a gateway for x@b.example", SOFT, Reason.NETWORK),
    ("", 'Command died with status 17: "/usr/sbin/filter"', SOFT, Reason.SYSTEM),
    # elsewhere
    ("", "550 Ящик получателя не существует", HARD, Reason.NO_SUCH_USER),
    ("5.2.2", "552 почтовый ящик переполнен", SOFT, Reason.MAILBOX_FULL),
    ("", "550 5.1.1 用户不存在", HARD, Reason.NO_SUCH_USER),
    ("", "552 收件人邮箱已满", SOFT, Reason.MAILBOX_FULL),
    ("", "550 邮件被识别为垃圾邮件", BLOCK, Reason.CONTENT),
    ("", "550 宛先不明です", HARD, Reason.NO_SUCH_USER),
    ("", "ディレクトリのリストにありません", HARD, Reason.NO_SUCH_USER),
    ("", "550 Empfänger unbekannt", HARD, Reason.NO_SUCH_USER),
    ("", "552 Das Postfach des Empfängers ist voll", SOFT, Reason.MAILBOX_FULL),
    ("", "550 L'adresse n'existe pas", HARD, Reason.NO_SUCH_USER),
    ("", "552 La boîte du destinataire est pleine", SOFT, Reason.MAILBOX_FULL),
    ("", "550 El usuario no existe", HARD, Reason.NO_SUCH_USER),
    ("", "Esta casilla ha expirado por falta de uso.", HARD, Reason.MAILBOX_DISABLED),
    ("", "552 Casilla de correo llena: espacio agotado", SOFT, Reason.MAILBOX_FULL),
    ("", "552 A caixa de correio do destinatário está cheia", SOFT, Reason.MAILBOX_FULL),
    ("", "550 Utente sconosciuto", HARD, Reason.NO_SUCH_USER),
    ("", "550 Nie ma takiego użytkownika", HARD, Reason.NO_SUCH_USER),
    ("5.0.0", "554 Host network not allowed - https://community.mimecast.example/docs#554", BLOCK, Reason.POLICY),
    ("5.5.0", "554 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help.) (BL)", BLOCK, Reason.REPUTATION),
    # the status alone
    ("5.1.1", "", HARD, Reason.NO_SUCH_USER),
    ("5.1.2", "", HARD, Reason.NO_SUCH_DOMAIN),
    ("5.1.6", "", HARD, Reason.MOVED),
    ("5.7.1", "", BLOCK, Reason.POLICY),
    ("5.6.1", "", BLOCK, Reason.CONTENT),
    ("4.4.7", "", SOFT, Reason.EXPIRED),
    ("5.0.0", "", SOFT, Reason.UNKNOWN),
    ("", "", SOFT, Reason.UNKNOWN),
]


@pytest.mark.parametrize(("status", "text", "bounce", "reason"), REPLIES)
def test_a_reply_is_read_by_its_status_and_its_words_together(status, text, bounce, reason):
    reading = classify(status, text)
    assert (reading.bounce, reading.reason) == (bounce, reason)


def test_words_about_the_sender_outweigh_a_status_about_the_recipient():
    assert classify("5.1.1", "550 5.1.1 Your IP is on our blocklist").bounce is BLOCK


@pytest.mark.parametrize(
    "text",
    [
        "550 Sender's mailbox does not exist",
        "550 The return path address does not exist",
        "550 Return-Path domain not found",
        "550 HELO host does not exist",
        "550 Your HELO/EHLO name does not resolve: host not found",
        "550 the MX record of ours.example does not exist",
        "550 5.1.1 sender address <bounce@ours.example> does not exist",
        "550 mailbox for bounce@ours.example does not exist; sender check failed",
        "550 Envelope sender does not exist",
        "550 Reply-To address invalid",
        "550 invalid address in header field To",
        "554 5.6.0 invalid mailbox in header From",
        "501 5.1.7 Invalid address",
        "535 user unknown or password wrong",
        "550 5.7.1 recipient unknown or policy rejection",
        "550 subject not found in whitelist",
        "550 rejected by recipient's filter: not found in address book",
        "550 this account is not active for external mail",
        "550-Requested action not taken: mailbox unavailable\n550 invalid DNS MX or A/AAAA resource record",
        "550 5.0.350 Remote server returned an error -> 550 Mailbox unavailable or access denied",
        "550 permanent failure for one or more recipients (ana@x.example:blocked)",
        "550 Callback setup failed while verifying",
        "550-Verification failed for <bounce@ours.example>\n550 no such user",
        "554 DT:SPM 163 smtp10",
        "554 IP is rejected, smtp auth error limit exceed",
        "5.1.0 - Unknown address error 550-'Message rejected due to local policy'",
        "550 not delivered: sender is not in my address book",
    ],
)
def test_what_is_missing_or_wrong_on_our_side_is_a_block(text):
    assert classify("", text).bounce is BLOCK


@pytest.mark.parametrize(
    "text",
    [
        "550 Mail loop: mailbox unavailable",
        "550 5.3.2 system not accepting messages",
        "550 this mailbox does not exist yet, please retry in 30 minutes",
        "450 4.1.1 user unknown (LDAP timeout), try again later",
        "552 5.2.2 mailbox full or does not exist",
        "5.1.0 - Unknown address error 550-'Denied'",
        "5.1.2 - Bad destination host 'DNS Soft Error looking up x.example (MX): Server failed'",
    ],
)
def test_what_may_pass_buries_nobody(text):
    assert classify("", text).bounce is SOFT


def test_what_the_receiver_answered_outweighs_what_the_relay_made_of_it():
    assert classify("5.0.0", "450 4.1.1 user unknown").bounce is SOFT


def test_a_suspended_account_may_come_back():
    assert classify("5.2.1", "550 User suspended") == Reading(SOFT, Reason.MAILBOX_DISABLED, "5.2.1")


def test_names_in_addresses_and_links_are_not_what_the_receiver_says():
    assert (
        classify("", "550 <spam-virus-quota@policy.example>: see https://help.example/blacklist/spf").reason
        is Reason.UNKNOWN
    )


def test_the_telling_status_is_the_one_given():
    assert classify("5.0.0", "smtp; 550 5.1.1 gone").status == "5.1.1"
    assert classify("5.2.2", "550 5.1.1 gone").status == "5.2.2"


def test_a_reply_of_any_length_is_read_quickly():
    assert classify("", "mailbox " * 500_000).reason is Reason.UNKNOWN
