"""Looks into chats: which messages are due for one, and what each has shown. Claims and outcomes never change here."""
