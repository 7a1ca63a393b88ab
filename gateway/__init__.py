"""Postern, a mail gateway for firms whose client correspondence matters: the picture of the house.

::

    OUT   mail program ─► submission ─► authorise ─► rules ─► render ─► queue ─► relay ─► sent copy
                          (SMTP, AUTH)  (may they?)  (as whom) (bytes)  (fsync)  (SMTP)   (IMAP APPEND, filed)
                                                                    ▲ 250 only here
    IN    mailbox ─► tail ─► match ─► fetch ─► weigh ─► file ─► announce ─► save attachments, index for search
          (IDLE)    (cursor) (whose?) (bytes)  (forged?)  │     (feed, webhook)  (each a duty of its own)
                                                          └ one transaction with the cursor

A mailbox of the firm's is the people's: it is looked at (EXAMINE, PEEK), and nothing in it is moved, removed or marked.
Two things are done there, once each: the copy of what left is put into Sent, where nobody else puts one, and the mail
that was answered is marked \\Answered, where the firm has not turned that off.

A floor imports only floors below it, rooms of one floor not each other; import-linter holds us to it::

    cli                            commands: clients of the admin socket, or the start of the daemon
    app │ trial                    builds everything from settings and runs it │ a mail provider to try it with
    submission │ proxy │ admin     faces: others call us (SMTP in, IMAP in, HTTP on the socket)
    outbound │ inbound │ office    flows: a message out, a message in, the firm's settings, sign-ins and webhooks
    store │ upstream               the world: database and files │ the firm's mailboxes at their providers
    policy                         decisions, pure: who may, which rule, whose client, which thread, when again
    mime │ settings                bytes in, bytes out │ what the sysadmin wrote
    domain                         the words as frozen values, and the errors

`domain`, `mime` and `policy` do no I/O and read no clock. One room imports each large library: SQLAlchemy only
`store`, aiosmtpd only `submission`, aioimaplib and dnspython only `upstream`, FastAPI only `admin`, click only `cli`.
"""

__version__ = "0.1.0"
