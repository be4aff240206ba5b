import mailbox as reference
from pathlib import Path

import pytest

from webhooks import mailbox, reports
from webhooks.account import MailboxError


@pytest.fixture
def maildir(tmp_path: Path) -> mailbox.Maildir:
    for folder in ("tmp", "new", "cur"):
        (tmp_path / "Maildir" / folder).mkdir(parents=True)
    return mailbox.maildir(tmp_path / "Maildir")


def test_messages_are_given_in_the_order_they_arrived(maildir):
    for key in ("1614590131.b.mx", "1614590130.a.mx", "1614590132.c.mx"):
        (maildir.path / "new" / key).write_bytes(key.encode())
    assert list(maildir.waiting()) == [
        ("1614590130.a.mx", b"1614590130.a.mx"),
        ("1614590131.b.mx", b"1614590131.b.mx"),
        ("1614590132.c.mx", b"1614590132.c.mx"),
    ]


def test_a_message_is_given_again_until_it_is_done(maildir):
    (maildir.path / "new" / "1.a").write_bytes(b"x")
    assert [key for key, _ in maildir.waiting()] == ["1.a"]
    assert [key for key, _ in maildir.waiting()] == ["1.a"]
    maildir.done("1.a")
    assert list(maildir.waiting()) == []
    assert (maildir.path / "cur" / "1.a:2,S").read_bytes() == b"x"


def test_a_message_is_done_once_however_often_it_is_said(maildir):
    (maildir.path / "new" / "1.a").write_bytes(b"x")
    maildir.done("1.a")
    maildir.done("1.a")
    assert [path.name for path in (maildir.path / "cur").iterdir()] == ["1.a:2,S"]


def test_a_key_never_reaches_outside_its_maildir(maildir, tmp_path):
    (tmp_path / "secret").write_bytes(b"x")
    maildir.done("../../secret")
    assert (tmp_path / "secret").exists()


def test_a_message_another_reader_took_is_passed_over(maildir):
    for key in ("1.a", "2.b"):
        (maildir.path / "new" / key).write_bytes(b"x")
    waiting = maildir.waiting()
    assert next(waiting)[0] == "1.a"
    (maildir.path / "new" / "2.b").unlink()
    assert list(waiting) == []


def test_dot_files_and_folders_are_no_messages(maildir):
    (maildir.path / "new" / ".hidden").write_bytes(b"x")
    (maildir.path / "new" / "folder").mkdir()
    assert list(maildir.waiting()) == []


def test_a_message_that_cannot_be_read_is_said_once_the_others_are_given(maildir):
    (maildir.path / "new" / "1.a").symlink_to("1.a")  # no user at all can read it
    (maildir.path / "new" / "2.b").write_bytes(b"x")
    waiting = maildir.waiting()
    assert next(waiting) == ("2.b", b"x")
    with pytest.raises(MailboxError, match=r"new/1\.a: this mail cannot be read: "):
        next(waiting)


def test_a_message_that_cannot_be_moved_is_one_clear_line(maildir):
    (maildir.path / "new" / "1.a").write_bytes(b"x")
    (maildir.path / "cur").rmdir()
    (maildir.path / "cur").write_bytes(b"")
    with pytest.raises(MailboxError, match=r"Maildir: mails are taken in, and cannot be moved from new/ to cur/: "):
        maildir.done("1.a")


def test_the_standard_library_delivers_what_we_read(maildir, mail):
    raw = mail("qmail-no-mailbox.eml")
    reference.Maildir(str(maildir.path)).add(raw)
    ((key, read),) = maildir.waiting()
    assert read == raw
    maildir.done(key)
    assert [message.get_flags() for message in reference.Maildir(str(maildir.path), factory=None)] == ["S"]


def test_a_path_without_a_maildir_is_one_clear_line(tmp_path):
    with pytest.raises(MailboxError, match="no Maildir"):
        list(mailbox.maildir(tmp_path).waiting())


def test_a_huge_message_is_read_only_as_far_as_a_report_goes(maildir):
    with (maildir.path / "new" / "1.a").open("wb") as file:
        file.truncate(50_000_000)
    ((_, raw),) = maildir.waiting()
    assert len(raw) == reports.mime.MOST_BYTES


@pytest.fixture
def mbox(tmp_path: Path, mail) -> Path:
    path = tmp_path / "bounces.mbox"
    box = reference.mbox(str(path))
    for name in ("postfix-unknown-user", "exim-old", "vacation-gmail"):
        box.add(mail(f"{name}.eml"))
    box.close()
    return path


def test_an_mbox_is_read_mail_by_mail(mbox, now):
    assert [reports.read(raw, now=now).kind for raw in mailbox.mbox(mbox)] == ["bounce", "bounce", "auto-reply"]


def test_a_line_that_was_quoted_in_the_mbox_is_restored(tmp_path):
    path = tmp_path / "one.mbox"
    path.write_bytes(
        b"From a Mon Mar  1 09:15:30 2021\nSubject: x\n\n>From here on\n>>From there\n> From me\nFrom you\n"
    )
    assert list(mailbox.mbox(path)) == [b"Subject: x\n\nFrom here on\n>From there\n> From me\nFrom you\n"]


def test_an_mbox_with_a_line_longer_than_memory_should_hold_is_read(tmp_path):
    path = tmp_path / "long.mbox"
    with path.open("wb") as file:
        file.write(b"From a\nSubject: long\n\n" + b"x" * 10_000_000 + b"\n\nFrom b\nSubject: short\n\n")
    first, second = mailbox.mbox(path)
    assert len(first) < 3_000_000
    assert second == b"Subject: short\n\n"


def test_whatever_holds_mails_is_read_by_its_path(mbox, maildir, mail, tmp_path):
    (maildir.path / "new" / "2.b").write_bytes(b"new")
    (maildir.path / "cur" / "1.a:2,S").write_bytes(b"seen")
    single = tmp_path / "one.eml"
    single.write_bytes(mail("exim-old.eml"))
    assert [name.rpartition(":")[2] for name, _ in mailbox.each(mbox)] == ["1", "2", "3"]
    assert [raw for _, raw in mailbox.each(maildir.path)] == [b"new", b"seen"]
    assert [raw for _, raw in mailbox.each(single)] == [mail("exim-old.eml")]


def test_in_a_folder_an_mbox_is_as_many_mails_as_it_is_by_itself(mbox, mail):
    (mbox.parent / "a.eml").write_bytes(mail("exim-old.eml"))
    (mbox.parent / ".hidden").write_bytes(b"no mail")
    found = dict(mailbox.each(mbox.parent))
    assert found == {str(mbox.parent / "a.eml"): mail("exim-old.eml"), **dict(mailbox.each(mbox))}
    assert len(found) == 4


def test_a_mail_that_the_service_takes_meanwhile_is_read_where_it_is_then(maildir):
    for key in ("1.a", "2.b", "3.c"):
        (maildir.path / "new" / key).write_bytes(key.encode())
    (maildir.path / "cur" / "0.z:2,S").write_bytes(b"0.z")
    reading = mailbox.each(maildir.path)
    found = [next(reading)[1]]
    maildir.done("2.b")
    found += [next(reading)[1], next(reading)[1]]
    (maildir.path / "cur" / "2.b:2,S").rename(maildir.path / "cur" / "2.b:2,RS")
    found += [raw for _, raw in reading]
    assert sorted(found) == [b"0.z", b"1.a", b"2.b", b"3.c"]


@pytest.mark.parametrize("name", ["missing", "missing/new"])
def test_a_path_that_is_not_there_is_one_clear_line(name, tmp_path):
    with pytest.raises(MailboxError, match="cannot be read: No such file"):
        list(mailbox.each(tmp_path / name))
