"""IMAP towards the firm's providers: a small interface of ours in front of aioimaplib, see `receive`."""

from __future__ import annotations

from gateway.upstream.imap.examine import FolderState
from gateway.upstream.imap.fetch import HeaderRow
from gateway.upstream.imap.folders import Folder, default_folders, sent_folder
from gateway.upstream.imap.session import ImapSession, open_session

__all__ = ["Folder", "FolderState", "HeaderRow", "ImapSession", "default_folders", "open_session", "sent_folder"]
