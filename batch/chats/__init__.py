"""The API: requests and answers, the client, and what each failure means."""
